using System.Diagnostics;
using System.Globalization;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Metadata;
using MomentTools.Tests.Support;
using MomentTools.Xml;
using Xunit.Abstractions;
using static MomentTools.Tests.Operations.Metadata.Documents;

namespace MomentTools.Tests.Operations.Metadata;

public sealed class ImportTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task ParentsComeBeforeChildrenWhateverTheOrder()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        IReadOnlyList<VMMoment> imported = await machine.ImportAsync(Checkpoint("c", "b"), Checkpoint("a"), Snapshot("s"), Checkpoint("b", "a"));
        Assert.Equal(["c", "a", "s", "b"], imported.Select(moment => moment.Name));
        IReadOnlyList<VMMoment> listed = await machine.MomentsAsync();
        Assert.Equal(["a", "b", "c", "s"], listed.Select(moment => moment.Name).Order());
        Assert.Equal("b", listed.Single(moment => moment.Name == "c").Parent);
        Assert.All(listed, moment => Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(Then), moment.Created));
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    [SkippableFact]
    public async Task WithoutItsRecordACheckpointIsListedAsSuchAndItsChangesAreUnknown()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Checkpoint("a"));
        Assert.NotEqual("OK", Assert.Single(await machine.MomentsAsync()).Health);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("a"));
        Assert.Equal(OperationErrors.ChangesUnknown, failure.ErrorId);
        // Tracked later, the imported one stays unknown: never smaller.
        await machine.CheckpointAsync("own");
        await machine.WriteAsync("vda", 1, 0, 65536);
        Assert.Equal([(0, 65536)], await machine.ChangesAsync("own"));
        await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("a"));
    }

    [SkippableFact]
    public async Task WhatLibvirtRefusesIsRefusedAndNothingIsImported()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Checkpoint("there"));
        MomentException failure = await machine.RefusedAsync(MetadataErrors.ImportParentMissing, Checkpoint("good"), Checkpoint("b", "nosuch"));
        Assert.Contains("checkpoint 'b'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("document 2 of the XML given, line 1, <parent>", failure.Message, StringComparison.Ordinal);
        await machine.RefusedAsync(MetadataErrors.ImportParentCycle, Checkpoint("a", "a"));
        await machine.RefusedAsync(MetadataErrors.ImportParentCycle, Checkpoint("good"), Checkpoint("a", "b"), Checkpoint("b", "c"), Checkpoint("c", "a"));
        await machine.RefusedAsync(MetadataErrors.ImportIncomplete, Checkpoint("good"), Checkpoint("a", time: null));
        await machine.RefusedAsync(MetadataErrors.ImportIncomplete, "<domaincheckpoint><creationTime>1</creationTime></domaincheckpoint>");
        await machine.RefusedAsync(MomentErrors.MomentExists, Checkpoint("good"), Checkpoint("there"));
        await machine.RefusedAsync(MetadataErrors.ImportNamedTwice, Checkpoint("a"), Checkpoint("a"));
        await machine.RefusedAsync(MetadataErrors.ImportUuidMismatch, Checkpoint("a", more: Domain("11111111-2222-3333-4444-555555555555")));
        await machine.RefusedAsync(MetadataErrors.ImportUuidMismatch, $"<domain type='qemu'><name>web1</name><uuid>11111111-2222-3333-4444-555555555555</uuid><checkpoints>{Checkpoint("a")}</checkpoints></domain>");
        await machine.RefusedAsync(XmlErrors.MomentNameInvalid, Checkpoint("../x"));
        await machine.RefusedAsync(XmlErrors.XmlRuleBroken, "<domainbackup/>");
        await machine.RefusedAsync(XmlErrors.XmlMalformed, Checkpoint("good"), "<domaincheckpoint><name>a");
        await machine.RefusedAsync(MetadataErrors.ImportNothing, machine.Xml());
        await machine.RefusedAsync(FileErrors.FileMissing, new ImportMomentsRequest { Paths = [Path.Combine(machine.Scratch, "nosuch.xml")] });
        await machine.RefusedAsync(MetadataErrors.ImportNothing, new ImportMomentsRequest { Paths = [machine.Repository + "/.."] });
        await machine.RefusedAsync(MetadataErrors.ImportCurrentAmbiguous, new ImportMomentsRequest { Documents = [Checkpoint("a"), Checkpoint("b")], Current = true });
        Assert.Equal(["there.xml"], Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "checkpoints")).Select(Path.GetFileName));
    }

    [SkippableFact]
    public async Task ACycleThroughAMissingParentOfTheStoreIsFound()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Checkpoint("a"), Checkpoint("b", "a"));
        File.Delete(Path.Combine(machine.StateDirectory, "checkpoints", "a.xml"));
        await machine.RefusedAsync(MetadataErrors.ImportParentCycle, Checkpoint("a", "b"));
        await machine.ImportAsync(Checkpoint("a"));
        Assert.Equal("a", (await machine.MomentsAsync()).Single(moment => moment.Name == "b").Parent);
    }

    [SkippableFact]
    public async Task TwinsOfBothKindsLiveTogether()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Checkpoint("x"), Snapshot("x"), Snapshot("y", "x"), Checkpoint("z", "x"));
        Assert.Contains("<domainsnapshot>", await machine.ExportAsync(new ExportMomentsRequest { Names = ["snapshot:x"] }), StringComparison.Ordinal);
        Assert.Contains("<domaincheckpoint>", await machine.ExportAsync(new ExportMomentsRequest { Names = ["checkpoint:x"] }), StringComparison.Ordinal);
        await Assert.ThrowsAsync<MomentException>(() => machine.ExportAsync(new ExportMomentsRequest { Names = ["x"] }));
        await machine.RefusedAsync(MomentErrors.MomentExists, Snapshot("x"));
    }

    [SkippableFact]
    public async Task ADiskThatTheDomainLacksIsToldOnce()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Checkpoint("a", disk: "vdz"), Checkpoint("b", "a", disk: "vdz"));
        Assert.Contains("'vdz': 2 of the imported moments", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        Assert.Equal(2, (await machine.MomentsAsync()).Count);
    }

    [SkippableFact]
    public async Task CurrentIsWhatTheDocumentOrTheCallerSays()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync($"{machine.Xml().Replace("</domain>", "", StringComparison.Ordinal)}<checkpoints current='a'>{Checkpoint("a")}{Checkpoint("b", "a")}</checkpoints></domain>");
        Assert.Equal(["a"], (await machine.MomentsAsync()).Where(moment => moment.Current).Select(moment => moment.Name));
        await machine.ImportAsync(new ImportMomentsRequest { Documents = [Checkpoint("c", "b")], Current = true });
        Assert.Equal(["c"], (await machine.MomentsAsync()).Where(moment => moment.Current).Select(moment => moment.Name));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ValidatedMomentsMustBeInTheImages(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "real");
        Tool.Run("qemu-img", "snapshot", "-c", "inside", machine.DiskPath("vda"));
        if (running)
            await machine.StartAsync();
        MomentException failure = await machine.RefusedAsync(MetadataErrors.ImportNotInImages, new ImportMomentsRequest { Documents = [Checkpoint("real"), Checkpoint("fake")], Validate = true });
        Assert.Contains("checkpoint 'fake'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("disk 'vda' have no bitmap 'fake'", failure.Message, StringComparison.Ordinal);
        await machine.RefusedAsync(MetadataErrors.ImportNotInImages, new ImportMomentsRequest { Documents = [Snapshot("outside")], Validate = true });
        await machine.RefusedAsync(MetadataErrors.ImportNotInImages, new ImportMomentsRequest { Documents = [Checkpoint("real", disk: "vdz")], Validate = true });
        await machine.ImportAsync(new ImportMomentsRequest { Documents = [Checkpoint("real"), Snapshot("inside")], Validate = true });
        Assert.Equal(2, (await machine.MomentsAsync()).Count);
    }

    [SkippableFact]
    public async Task ABitmapThatQemuLeftInUseIsNoProof()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "torn");
        await machine.StartAsync();
        await machine.KillMachineAsync();
        MomentException failure = await machine.RefusedAsync(MetadataErrors.ImportNotInImages, new ImportMomentsRequest { Documents = [Checkpoint("torn")], Validate = true });
        Assert.Contains("inconsistent", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task DirectoriesOfLibvirtAreReadInOneGo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string checkpoints = Directory.CreateDirectory(Path.Combine(machine.Scratch, "checkpoint")).FullName;
        string snapshots = Directory.CreateDirectory(Path.Combine(machine.Scratch, "snapshot")).FullName;
        const string warning = "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\nOVERWRITTEN AND LOST.\n-->\n\n";
        await File.WriteAllTextAsync(Path.Combine(checkpoints, "z.xml"), warning + Checkpoint("z"));
        await File.WriteAllTextAsync(Path.Combine(checkpoints, "a.xml"), warning + Checkpoint("a", "z"));
        await File.WriteAllTextAsync(Path.Combine(snapshots, "s.xml"), warning + Snapshot("s").Replace("</domainsnapshot>", "<active>1</active></domainsnapshot>", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(checkpoints, "notes.txt"), "no moment");
        await machine.ImportAsync(new ImportMomentsRequest { Paths = [checkpoints, snapshots] });
        Assert.Equal(["a", "s", "z"], (await machine.MomentsAsync()).Select(moment => moment.Name).Order());
        await File.WriteAllTextAsync(Path.Combine(checkpoints, "broken.xml"), "<domaincheckpoint>");
        MomentException failure = await machine.RefusedAsync(XmlErrors.XmlMalformed, new ImportMomentsRequest { Paths = [checkpoints] });
        Assert.Contains("broken.xml", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ThousandsAreImportedInLinearTime()
    {
        async Task<TimeSpan> TimeAsync(int count)
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            string filler = machine.Xml() + string.Concat(Enumerable.Repeat("<!-- as large as the real ones -->", 100));
            string[] documents = [.. Enumerable.Range(0, count).Reverse().Select(index => Checkpoint(Name(index), index == 0 ? null : Name(index - 1), more: filler))];
            var clock = Stopwatch.StartNew();
            await machine.ImportAsync(documents);
            TimeSpan took = clock.Elapsed;
            Assert.Equal(count, (await machine.MomentsAsync()).Count);
            return took;
        }

        static string Name(int index) => "c" + index.ToString("D5", CultureInfo.InvariantCulture);
        await TimeAsync(50);
        TimeSpan some = TimeSpan.MaxValue, many = TimeSpan.MaxValue;
        // The host's other work only ever adds: the best of some rounds is what it takes.
        for (int round = 0; round < 5 && (many >= TimeSpan.FromSeconds(30) || many >= some * 4 * 2.5); round++)
        {
            some = Less(some, await TimeAsync(1000));
            many = Less(many, await TimeAsync(4000));
        }

        output.WriteLine($"1,000 in {some}, 4,000 in {many}");
        Assert.True(many < some * 4 * 2.5, $"1,000 took {some}, 4,000 took {many}");
        Assert.True(many < TimeSpan.FromSeconds(30), $"4,000 took {many}");
        static TimeSpan Less(TimeSpan one, TimeSpan other) => one < other ? one : other;
    }
}
