using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>What cannot be is refused by name, before anything is touched: no file is made, no node opened, no bitmap added (rows D2, D11).</summary>
public sealed class SnapshotBadInputTests
{
    public static TheoryData<string, string, string[]> Exclusive { get; } = new()
    {
        { "disk-only memory", "SnapshotOptionsExclusive", ["-DiskOnly", "-Memory"] },
        { "disk-only live", "SnapshotOptionsExclusive", ["-DiskOnly", "-Live"] },
        { "internal live", "SnapshotOptionsExclusive", ["internal", "-Live"] },
        { "internal memory-path", "SnapshotOptionsExclusive", ["internal", "memory"] },
        { "internal prefix", "SnapshotOptionsExclusive", ["internal", "-Prefix"] },
        { "internal reuse", "SnapshotOptionsExclusive", ["internal", "-ReuseExternal"] },
        { "quiesce memory", "SnapshotOptionsExclusive", ["-Quiesce", "memory"] },
        { "quiesce", "SnapshotOptionsExclusive", ["-Quiesce", "memory"] },
        { "current", "SnapshotOptionsExclusive", ["-Current", "-Redefine"] },
        { "redefine halt", "SnapshotOptionsExclusive", ["-Redefine", "-Halt"] },
        { "redefine", "SnapshotOptionsExclusive", ["-Redefine", "-Xml"] },
        { "reuse disk-only", "SnapshotPathInvalid", ["-ReuseExternal", "vda"] },
    };

    [SkippableTheory]
    [MemberData(nameof(Exclusive))]
    public async Task SwitchesThatExcludeEachOtherAreNamed(string switches, string id, string[] named)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string[] on = switches.Split(' ');
        var request = new CreateSnapshotRequest
        {
            Name = "s", DiskOnly = on.Contains("disk-only"), Memory = on.Contains("memory"), Live = on.Contains("live"), Internal = on.Contains("internal"), MemoryPath = on.Contains("memory-path") ? "/x" : null,
            Prefix = on.Contains("prefix") ? "p" : null, ReuseExternal = on.Contains("reuse"), Quiesce = on.Contains("quiesce"), Current = on.Contains("current"), Redefine = on.Contains("redefine"), Halt = on.Contains("halt"),
        };
        ErrorId expected = new[] { SnapshotCreationErrors.SnapshotOptionsExclusive, SnapshotCreationErrors.SnapshotPathInvalid }.Single(known => known.Name == id);
        await RefusedAsync(machine, request, expected, named);
    }

    [SkippableFact]
    public async Task DisksThatAreUnknownOrNamedTwiceOrNoneAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", Disks = ["vdz"] }, XmlErrors.DiskNotInDomain, "vdz");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", Disks = ["vda", machine.DiskPath("vda")] }, XmlErrors.DiskNamedTwice, "vda");
        await RefusedAsync(machine, Xml("<disk name='vda' snapshot='no'/><disk name='vdb' snapshot='no'/>"), XmlErrors.SnapshotWithoutDisk, "s");
        await RefusedAsync(machine, Xml("<disk name='vda' snapshot='manual'/>"), XmlErrors.SnapshotManual, "vda", "manual");
        await RefusedAsync(machine, Xml("<disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='external'/>"), XmlErrors.SnapshotModesMixed, "vdb");
        await RefusedAsync(machine, Xml("<disk name='vda' snapshot='external'><driver type='qed'/></disk>"), XmlErrors.SnapshotDiskUnsupported, "vda", "qed");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", Disks = ["vda"], Overlays = new Dictionary<string, string> { ["vdb"] = Path.Combine(machine.Scratch, "b") } }, SnapshotCreationErrors.SnapshotOptionsExclusive, "vdb", "-Overlay");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", Overlays = new Dictionary<string, string> { ["vdq"] = Path.Combine(machine.Scratch, "b") } }, XmlErrors.DiskNotInDomain, "vdq");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "a/b" }, XmlErrors.MomentNameInvalid, "a/b");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "17", Internal = true }, XmlErrors.MomentNameInvalid, "17");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", Memory = true }, SnapshotCreationErrors.SnapshotMemoryImpossible, TestMachine.Name);
    }

    [SkippableFact]
    public async Task FilesThatCannotBeAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        string there = Path.Combine(machine.Scratch, "there"), free = Path.Combine(machine.Scratch, "free"), nowhere = Path.Combine(machine.Scratch, "nowhere", "x");
        File.WriteAllText(there, "precious");
        Directory.CreateSymbolicLink(Path.Combine(machine.Scratch, "other"), machine.Scratch);
        await RefusedAsync(machine, Disks(("vda", there)), FileErrors.FileExists, there, "vda", "-Overlay");
        await RefusedAsync(machine, Disks(("vda", machine.DiskPath("vdb"))), FileErrors.FileExists, machine.DiskPath("vdb"), "vda");
        await RefusedAsync(machine, Disks(("vdb", nowhere)), FileErrors.FileMissing, nowhere, "vdb");
        await RefusedAsync(machine, Disks(("vda", free), ("vdb", Path.Combine(machine.Scratch, "other", "free"))), SnapshotCreationErrors.SnapshotPathInvalid, "vdb", "same file");
        await RefusedAsync(machine, Disks(("vda", "relative")), SnapshotCreationErrors.SnapshotPathInvalid, "relative", "vda");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", MemoryPath = nowhere }, FileErrors.FileMissing, nowhere, "-MemoryPath");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", MemoryPath = there }, FileErrors.FileExists, there, "-MemoryPath");
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", MemoryPath = free, Overlays = new Dictionary<string, string> { ["vda"] = free } }, SnapshotCreationErrors.SnapshotPathInvalid, free);
        Assert.Equal("precious", File.ReadAllText(there));
    }

    [SkippableTheory]
    [InlineData("smaller", "virtual size")]
    [InlineData("larger", "virtual size")]
    [InlineData("other", "stands on")]
    [InlineData("none", "stands on no image")]
    [InlineData("format", "takes the image beneath it for raw")]
    [InlineData("version", "version 2")]
    [InlineData("data", "holds data")]
    [InlineData("bitmap", "holds bitmaps")]
    [InlineData("tag", "holds internal snapshots")]
    [InlineData("raw", "cannot be read as a qcow2 image")]
    [InlineData("open", "permissions")]
    public async Task APreparedLayerThatDoesNotFitIsRefused(string fault, string why)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        string layer = Path.Combine(machine.Scratch, "layer");
        string size = fault switch { "smaller" => "32M", "larger" => "128M", _ => "64M" };
        if (fault is "none" or "raw")
            Tool.Run("qemu-img", "create", "-q", "-f", fault == "raw" ? "raw" : "qcow2", layer, size);
        else
            Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-o", fault == "version" ? "compat=0.10" : "compat=1.1", "-b", machine.DiskPath(fault == "other" ? "vdb" : "vda"), "-F", fault == "format" ? "raw" : "qcow2", layer, size);
        if (fault == "bitmap")
            Tool.Run("qemu-img", "bitmap", "--add", layer, "b");
        if (fault is "data" or "tag")
        {
            Tool.Run("qemu-img", "rebase", "-u", "-b", "", layer);
            if (fault == "tag")
                Tool.Run("qemu-img", "snapshot", "-c", "t", layer);
            else
                Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -z 0 64k", layer);
            Tool.Run("qemu-img", "rebase", "-u", "-b", machine.DiskPath("vda"), "-F", "qcow2", layer);
        }

        if (fault == "open")
        {
            Tool.Run("chmod", "600", machine.DiskPath("vda"));
            Tool.Run("chmod", "666", layer);
            why = "open to more people";
        }

        await RefusedAsync(machine, Disks(("vda", layer)) with { ReuseExternal = true, Disks = ["vda"], DiskOnly = true }, SnapshotCreationErrors.ReuseUnsuitable, layer, "vda", why);
        await RefusedAsync(machine, Disks(("vda", layer + "x")) with { ReuseExternal = true, Disks = ["vda"], DiskOnly = true }, FileErrors.FileMissing, layer + "x", "vda");
    }

    [SkippableFact]
    public async Task AJobThatUsesADiskIsNamedAtOnce()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        string target = Path.Combine(machine.Scratch, "target");
        await machine.WriteAsync("vdb", 1, 0, 32 << 20);
        Assert.NotEqual(System.Text.Json.JsonValueKind.Undefined, (await machine.Engine.InvokeQmpAsync(
            TestMachine.Name, "drive-backup", $$"""{"device":"mt-vdb","job-id":"theirs","target":"{{target}}","sync":"full","format":"qcow2","speed":65536}""", CancellationToken.None)).ValueKind);

        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "s", DiskOnly = true }, SnapshotCreationErrors.DiskInJob, "vdb", "theirs", "backup");
        await machine.SnapshotAsync("other", request => request with { DiskOnly = true, Disks = ["vda"] });
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "job-cancel", """{"id":"theirs"}""", CancellationToken.None);
    }

    [SkippableFact]
    public async Task ATagThatIsInTheImagesIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        Tool.Run("qemu-img", "snapshot", "-c", "theirs", machine.DiskPath("vdb"));
        await machine.StartAsync();
        await RefusedAsync(machine, new CreateSnapshotRequest { Name = "theirs", Internal = true }, SnapshotCreationErrors.SnapshotTagExists, "theirs", "vdb");
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NoSpaceForTheNewLayersLeavesAllAsItWas(bool memory)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        string small = Path.Combine(machine.Scratch, "small");
        using SmallFileSystem mounted = SmallFileSystem.Over(small, 2);
        mounted.Fill(memory ? 900 << 10 : 100 << 10);
        var request = new CreateSnapshotRequest { Name = "s", DiskOnly = !memory, Prefix = small + "/" };

        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.CreateSnapshotAsync(TestMachine.Name, request, machine.Report, CancellationToken.None));

        Assert.Equal(FileErrors.StorageFull, failure.ErrorId);
        Assert.Contains(small, failure.Message, StringComparison.Ordinal);
        Assert.Empty(await machine.MomentsAsync());
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        Assert.DoesNotContain(small, await machine.NodesAsync(), StringComparison.Ordinal);
        Assert.Equal(machine.DiskPath("vda"), await machine.ActivePathAsync("vda"));
        Assert.Equal(["filling"], Directory.EnumerateFiles(small).Select(Path.GetFileName));
        Assert.True((await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None)).GetProperty("running").GetBoolean());
        mounted.Free();
        await machine.SnapshotAsync("s", request => request with { DiskOnly = true });
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AStateRootThatFillsUpAtAnyPageLosesNothing(bool running)
    {
        const int page = 4096;
        await using TestMachine machine = await TestMachine.CreateAsync();
        using SmallFileSystem state = SmallFileSystem.Over(Path.Combine(machine.Scratch, "state"), 2);
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, 65536);
        string before = await Untouched.TakeAsync(machine);
        for (int pages = 0; ; pages += 2)
        {
            state.Fill(pages * page);
            var failure = await Record.ExceptionAsync(() => machine.SnapshotAsync("b", request => request with { DiskOnly = true })) as MomentException;
            state.Free();
            if (failure is null)
            {
                Assert.True(pages > 0);
                break;
            }

            Assert.True(failure.ErrorId == FileErrors.StorageFull, $"{pages} pages: {failure.ErrorId}: {failure.Message}");
            Assert.Equal(before, await Untouched.TakeAsync(machine));
            Assert.False(File.Exists(machine.OverlayPath("b")), $"{pages} pages");
        }

        await machine.WriteAsync("vda", 1, 4 * 65536, 65536);
        Assert.Equal([(0, 65536), (4 * 65536, 65536)], await machine.ChangesAsync("a"));
        Assert.Equal([(4 * 65536, 65536)], await machine.ChangesAsync("b"));
    }

    [SkippableFact]
    public async Task TheOwnerOfAnAttachedMachineIsAsked()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string monitor = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Monitor!;
        string state = Path.Combine(machine.Scratch, "theirs");
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = state, RuntimeRoot = Path.Combine(machine.Scratch, "run2"), LockTimeout = TimeSpan.FromMinutes(2) });
        await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = monitor }, machine.Report, CancellationToken.None);
        var request = new CreateSnapshotRequest { Name = "s", DiskOnly = true };

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => other.CreateSnapshotAsync("guest", request, machine.Report, CancellationToken.None));
        Assert.Equal(OwnerErrors.OwnerNotAccepted, refused.ErrorId);
        VMSnapshot taken = await other.CreateSnapshotAsync("guest", request with { AcceptOwner = true }, machine.Report, CancellationToken.None);
        Assert.Equal("OK", taken.Health);
        Assert.EndsWith(".s.qcow2", (await other.GetDomainAsync("guest", machine.Report, CancellationToken.None)).Disks[0].Path, StringComparison.Ordinal);
        await other.CreateCheckpointAsync("guest", new CreateCheckpointRequest { Name = "after" }, machine.Report, CancellationToken.None);
        Assert.Empty(await other.GetChangedBlocksAsync("guest", "s", [], machine.Report, CancellationToken.None));
    }

    private static CreateSnapshotRequest Xml(string disks) => new() { Xml = $"<domainsnapshot><name>s</name><disks>{disks}</disks></domainsnapshot>" };

    private static CreateSnapshotRequest Disks(params (string Disk, string Path)[] overlays) =>
        new() { Name = "s", DiskOnly = true, Overlays = overlays.ToDictionary(one => one.Disk, one => one.Path, StringComparer.Ordinal) };

    // Nothing of it is anywhere: files, nodes, bitmaps, metadata.
    private static async Task RefusedAsync(TestMachine machine, CreateSnapshotRequest request, ErrorId id, params string[] named)
    {
        string[] files = [.. Directory.EnumerateFiles(machine.Scratch).Order(StringComparer.Ordinal)];
        MomentException failure = await Untouched.RefusedAsync(machine, () => machine.Engine.CreateSnapshotAsync(TestMachine.Name, request, machine.Report, CancellationToken.None), id, named);
        Assert.False(string.IsNullOrEmpty(failure.Advice), failure.Message);
        Assert.Equal(files, Directory.EnumerateFiles(machine.Scratch).Order(StringComparer.Ordinal));
    }
}
