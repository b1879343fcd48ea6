namespace MomentTools.Tour;

/// <summary>A machine's week: checkpoints, what changed between them, backups, the loss of its disks, and their return.</summary>
internal sealed class Story(Stage stage, CancellationToken cancellation)
{
    private readonly MomentEngine _engine = stage.Engine;
    private readonly LiveDisks _disks = new(stage, cancellation);
    private readonly List<string> _doubts = [];

    public async Task<bool> TellAsync()
    {
        await StartAsync();
        await TakeCheckpointsAsync();
        await ShowChangesAsync();
        await BackUpAsync();
        await LoseAndRestoreAsync();

        Talk.Chapter("Verdict");
        foreach (string doubt in _doubts)
            Console.WriteLine($"   WRONG: {doubt}");
        Console.WriteLine(_doubts.Count == 0
            ? "   Every byte of both disks is back as it was at the instant of the second backup."
            : "   The tour did not end as it should.");
        return _doubts.Count == 0;
    }

    private async Task StartAsync()
    {
        Talk.Chapter("A machine with two disks, registered and started");
        await _engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = stage.Xml() }, stage.Talk, cancellation);
        VMDomain machine = await _engine.StartDomainAsync(Stage.Machine, paused: !stage.Guest, stage.Talk, cancellation);
        Talk.Table(
            ["VM", "State", "Process", "Disk", "Size", "Trackable"],
            machine.Disks.Select(disk => (string[])
                [machine.Name, $"{machine.State}", $"{machine.ProcessId}", disk.Name, disk.Size is { } size ? Talk.Size(size) : "?", $"{disk.Trackable}"]));
    }

    private async Task TakeCheckpointsAsync()
    {
        Talk.Chapter("Checkpoints monday and tuesday, with writes around them");
        await _disks.LetGuestWriteAsync();
        await _disks.WriteAsync("vda", 0x11, 0, 4 << 20);
        await _disks.WriteAsync("vdb", 0x21, 8 << 20, 1 << 20);
        await CheckpointAsync("monday");
        await _disks.LetGuestWriteAsync();
        await _disks.WriteAsync("vda", 0x12, 128 << 10, 64 << 10);
        await CheckpointAsync("tuesday");
        await _disks.LetGuestWriteAsync();
        await _disks.WriteAsync("vda", 0x13, 32 << 20, 256 << 10);
        await _disks.WriteAsync("vdb", 0x23, 8 << 20, 128 << 10);

        Talk.Chapter("The tree");
        IReadOnlyList<VMMoment> moments = await _engine.GetMomentsAsync(Stage.Machine, new MomentQuery { Tree = true, Size = true }, stage.Talk, cancellation);
        foreach (VMMoment moment in moments)
            Console.WriteLine("   " + (moment.Tree ?? moment.Name));
        Talk.Table(
            ["Name", "Kind", "Parent", "Current", "Disk", "Bitmap", "State", "Size"],
            moments.SelectMany(moment => moment.Disks.Select(disk => (string[])
                [moment.Name, moment.Kind, moment.Parent ?? "", moment.Current ? "*" : "", disk.Name, disk.Bitmap ?? "", $"{disk.State}", disk.Size is { } size ? Talk.Size(size) : ""])));
    }

    private async Task CheckpointAsync(string name)
    {
        VMCheckpoint made = await _engine.CreateCheckpointAsync(Stage.Machine, new CreateCheckpointRequest { Name = name }, stage.Talk, cancellation);
        Console.WriteLine($"   checkpoint {made.Name} on {string.Join(", ", made.Disks.Select(disk => disk.Name))}, {made.Created:HH:mm:ss.fff}");
    }

    private async Task ShowChangesAsync()
    {
        Talk.Chapter("What was written since monday");
        IReadOnlyList<VMChangedBlockMeasure> sums = await _engine.MeasureChangedBlocksAsync(Stage.Machine, "monday", [], stage.Talk, cancellation);
        Talk.Table(["Disk", "Written", "Runs", "Of"], sums.Select(sum => (string[])[sum.Disk, Talk.Size(sum.Bytes), $"{sum.Count}", Talk.Size(sum.DiskSize)]));
        IReadOnlyList<VMChangedBlock> blocks = await _engine.GetChangedBlocksAsync(Stage.Machine, "monday", [], stage.Talk, cancellation);
        Talk.Table(["Disk", "Offset", "Length", "Kind"], blocks.Take(10).Select(block => (string[])[block.Disk, $"{block.Offset}", $"{block.Length}", block.Kind]));
        if (blocks.Count > 10)
            Console.WriteLine($"   ... and {blocks.Count - 10} more");
        if (stage.Guest)
            return;
        Expect(blocks, "vda", 128 << 10, 64 << 10);
        Expect(blocks, "vda", 32 << 20, 256 << 10);
        Expect(blocks, "vdb", 8 << 20, 128 << 10);
        if (blocks.Sum(block => block.Length) != (64 + 256 + 128) << 10)
            _doubts.Add("the changed blocks since monday are not exactly what was written");
    }

    private void Expect(IEnumerable<VMChangedBlock> blocks, string disk, long offset, long length)
    {
        long seen = blocks.Where(block => block.Disk == disk)
            .Sum(block => Math.Max(0, Math.Min(block.Offset + block.Length, offset + length) - Math.Max(block.Offset, offset)));
        if (seen != length)
            _doubts.Add($"{length - seen} bytes written at {offset} of {disk} are missing from the changed blocks");
    }

    private async Task BackUpAsync()
    {
        Talk.Chapter("A full backup, more writes, and an incremental one");
        VMBackup full = await TakeBackupAsync();
        await _disks.LetGuestWriteAsync();
        await _disks.WriteAsync("vda", 0x14, 48 << 20, 512 << 10);
        await _disks.WriteAsync("vdb", 0x24, 0, 64 << 10);
        await _disks.PauseAsync();
        VMBackup incremental = await TakeBackupAsync();

        // The judge's own copy, made by QEMU's tool while the machine holds still.
        foreach (string disk in stage.Disks)
            await Tool.RunAsync("qemu-img", ["convert", "-U", "-f", "qcow2", "-O", "raw", stage.DiskPath(disk), stage[$"{disk}.expected"]], cancellation);
        await _disks.ContinueAsync();
        Talk.Table(
            ["Backup", "Disk", "Kind", "Copied", "Stored"],
            new[] { full, incremental }.SelectMany(backup => backup.Disks.Select(disk => (string[])
                [backup.Id, disk.Name, $"{disk.Kind}", Talk.Size(disk.CopiedBytes), Talk.Size(disk.StoredSize)])));
        if (incremental.Disks.Any(disk => disk.Kind != VMBackupKind.Incremental))
            _doubts.Add("the second backup is not incremental");

        Talk.Chapter("Later writes, which no backup has");
        await _disks.LetGuestWriteAsync();
        await _disks.WriteAsync("vda", 0x66, 0, 1 << 20);
    }

    private Task<VMBackup> TakeBackupAsync() =>
        _engine.BackupAsync(Stage.Machine, new BackupRequest { Repository = stage["backup"] }, stage.Talk, cancellation);

    private async Task LoseAndRestoreAsync()
    {
        Talk.Chapter("The machine stops, its disks are lost, and come back from the backup");
        await _engine.StopDomainAsync(Stage.Machine, force: true, TimeSpan.FromSeconds(10), stage.Talk, cancellation);
        foreach (string disk in stage.Disks)
            File.Delete(stage.DiskPath(disk));
        IReadOnlyList<VMRestoredDisk> restored = await _engine.RestoreBackupAsync(
            Stage.Machine, new RestoreBackupRequest { Repository = stage["backup"], Destination = stage["restored"] }, stage.Talk, cancellation);
        foreach (VMRestoredDisk disk in restored)
        {
            (int exit, string words) = await Tool.TryRunAsync(
                "qemu-img", ["compare", "-f", disk.Format, "-F", "raw", disk.Path, stage[$"{disk.Disk}.expected"]], cancellation);
            Console.WriteLine($"   {disk.Disk}: {words}");
            if (exit != 0)
                _doubts.Add($"{disk.Disk}: {words}");
        }

        if (restored.Count != stage.Disks.Count)
            _doubts.Add($"{restored.Count} disks came back, not {stage.Disks.Count}");
    }
}
