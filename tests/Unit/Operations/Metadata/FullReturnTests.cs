using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Metadata;
using MomentTools.Tests.Operations.Health;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>An export of all moments, a lost state directory, and an import: nothing may be lost, and nothing be believed.</summary>
public sealed class FullReturnTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterExportAndImportTheNextBackupIsAnIncrementAndRestores(bool running)
    {
        await using TestMachine machine = await PrepareAsync(running);
        string xml = await machine.ExportAsync();
        string list = Listed(await machine.MomentsAsync());
        await machine.WriteAsync("vda", 4, 8 * Grain, Grain);
        await ForgetAsync(machine);

        IReadOnlyList<VMMoment> imported = await machine.ImportAsync(xml);
        Assert.All(imported, moment => Assert.Equal("OK", moment.Health));
        Assert.Empty(machine.Report.Warnings);
        Assert.Equal(list, Listed(await machine.MomentsAsync()));
        Assert.Equal([(4 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("b"));
        Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("a"));

        VMBackup backup = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.All(backup.Disks, disk => Assert.Equal(VMBackupKind.Incremental, disk.Kind));
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
        Assert.True(machine.Content(machine.DiskPath("vda")).AsSpan().SequenceEqual(machine.Content(restored[0].Path)));
    }

    // The file of an image that QEMU has open does not say whose it is: only QEMU does.
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnOverlayIsStillOursAfterwardsAndGoesWithItsSnapshot(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        string overlay = await machine.ActivePathAsync("vda");
        Assert.NotEqual(machine.DiskPath("vda"), overlay);
        string xml = await machine.ExportAsync();
        await ForgetAsync(machine);
        await machine.ImportAsync(xml);
        Assert.Equal(overlay, Assert.Single(BranchDrifts.StateOf(machine).Disk("vda").Layers.Values, layer => layer.Made).Path);

        await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "clean", UndoFor = TimeSpan.Zero }, machine.Report, CancellationToken.None);
        Assert.Empty(machine.Report.Warnings);
        Assert.False(File.Exists(overlay));
        Assert.Equal(machine.DiskPath("vda"), await machine.ActivePathAsync("vda"));
        if (running)
            await machine.StopAsync();
        byte[] content = machine.Content(machine.DiskPath("vda"));
        Assert.Equal((byte[])[1, 0, 2, 0], (byte[])[content[0], content[Grain], content[2 * Grain], content[3 * Grain]]);
    }

    [SkippableFact]
    public async Task TheExportAloneIsEnoughToRegisterTheMachineAndGetEverythingBack()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string xml = await machine.ExportAsync();
        Directory.Delete(machine.StateDirectory, recursive: true);
        VMDomain domain = await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None);
        Assert.Equal(2, domain.Disks.Count);
        Assert.Contains("Import-VMMoment", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        machine.Report.Warnings.Clear();
        string stored = await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "domain.xml"));
        Assert.DoesNotContain("checkpoint", stored, StringComparison.Ordinal);
        Assert.DoesNotContain("tracking", stored, StringComparison.Ordinal);

        Assert.All(await machine.ImportAsync(xml), moment => Assert.Equal("OK", moment.Health));
        await machine.StartAsync();
        await machine.WriteAsync("vda", 5, 8 * Grain, Grain);
        Assert.Equal([(4 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("b"));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task ADiskThatWentOnIsNotTakenForTheSame()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string xml = await machine.ExportAsync();
        await machine.CheckpointAsync("later", "vda");
        await machine.WriteAsync("vda", 4, 8 * Grain, Grain);
        await ForgetAsync(machine);

        await machine.ImportAsync(xml);
        string warning = Assert.Single(machine.Report.Warnings);
        Assert.Contains("'vda'", warning, StringComparison.Ordinal);
        Assert.Contains("mark", warning, StringComparison.Ordinal);
        await UnknownAsync(machine, "a", "vda");
        await UnknownAsync(machine, "b", "vda");
        Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync("a", "vdb"));
        Assert.NotEqual("OK", (await machine.MomentsAsync()).First(moment => moment.Name == "b").Health);

        machine.Report.Warnings.Clear();
        VMBackup backup = await machine.BackupAsync();
        Assert.Equal([("vda", true), ("vdb", false)], backup.Disks.Select(disk => (disk.Name, disk.Compared)).Order());
        Assert.All(backup.Disks, disk => Assert.Equal(VMBackupKind.Incremental, disk.Kind));
    }

    [SkippableFact]
    public async Task AnyChangedByteIsRefused()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string xml = await machine.ExportAsync();
        await ForgetAsync(machine);
        int begin = xml.IndexOf("<mt:tracking", StringComparison.Ordinal), end = xml.IndexOf("</mt:tracking>", StringComparison.Ordinal);
        Assert.True(begin > 0 && end > begin);
        var random = new Random(7);
        int tried = 0;
        while (tried < 60)
        {
            int at = random.Next(xml.IndexOf('>', begin), end);
            if (!char.IsAsciiLetterOrDigit(xml[at]))
                continue;
            tried++;
            string edited = xml[..at] + (xml[at] == 'a' ? 'b' : 'a') + xml[(at + 1)..];
            MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.ImportAsync(edited));
            Assert.True(failure.ErrorId == MetadataErrors.TrackingAltered || failure.ErrorId.Name.StartsWith("Xml", StringComparison.Ordinal), $"{failure.ErrorId}: {failure.Message}");
        }

        // The moments that it belongs to are held against it as well.
        await machine.RefusedAsync(MetadataErrors.TrackingAltered, xml.Replace("<creationTime>", "<creationTime>1", StringComparison.Ordinal));
        await machine.RefusedAsync(MetadataErrors.TrackingAltered, xml.Replace(">b<", ">q<", StringComparison.Ordinal).Replace("=\"b\"", "=\"q\"", StringComparison.Ordinal));
        Assert.Equal("OK", (await machine.ImportAsync(xml))[0].Health);
    }

    [SkippableFact]
    public async Task MomentsThatAreThereKeepTheirOwnRecord()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string xml = await machine.ExportAsync();
        await ForgetAsync(machine);
        await machine.CheckpointAsync("mine");
        await machine.WriteAsync("vda", 5, 10 * Grain, Grain);
        machine.Report.Warnings.Clear();
        await machine.ImportAsync(xml);
        Assert.Contains("has moments already", machine.Report.Warnings[0], StringComparison.Ordinal);
        Assert.Equal([(10 * Grain, Grain)], await machine.ChangesAsync("mine"));
        await UnknownAsync(machine, "a", "vda");
    }

    [SkippableFact]
    public async Task WithMetadataOnlyTheRecordStaysBehind()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string xml = await machine.ExportAsync();
        await ForgetAsync(machine);
        await machine.ImportAsync(new ImportMomentsRequest { Documents = [xml], MetadataOnly = true });
        await UnknownAsync(machine, "a", "vda");
    }

    private static async Task<TestMachine> PrepareAsync(bool running)
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.WriteAsync("vdb", 3, 6 * Grain, Grain);
        machine.Report.Warnings.Clear();
        return machine;
    }

    // What a new host or a lost disk leaves: the images, the running machine, and the definition.
    private static async Task ForgetAsync(TestMachine machine)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(machine.StateDirectory))
        {
            if (Path.GetFileName(path) is "checkpoints" or "snapshots" or "branches" or "segments")
                Directory.Move(path, Path.Combine(machine.Scratch, "lost-" + Path.GetFileName(path)));
            else if (Path.GetFileName(path) is "disks.xml")
                File.Delete(path);
        }

        Assert.Empty(await machine.MomentsAsync());
    }

    private static string Listed(IEnumerable<VMMoment> moments) =>
        string.Join('\n', moments.Select(moment => $"{moment.Name} {moment.Parent} {moment.Created:O} {moment.Current} {moment.Repository} {moment.Health} {string.Join(' ', moment.Disks.Select(disk => $"{disk} {disk.Parent}"))}"));

    private static async Task UnknownAsync(TestMachine machine, string since, string disk) =>
        Assert.Equal(OperationErrors.ChangesUnknown, (await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync(since, disk))).ErrorId);
}
