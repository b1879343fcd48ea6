namespace MomentTools.Bench.Benches;

/// <summary>Scattered blocks of 64 KiB, 1 % of 2 GiB, restored in place, beside a copy of the whole disk out of the repository.</summary>
internal sealed class RestoreInPlace : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;
    private const long Block = 64 << 10;
    private const int Blocks = 328;

    private Machine? _machine;
    private string _scratch = "";
    private string _file = "";
    private int _round;

    public string Subject => $"restore in place of {Blocks} scattered blocks of 64 KiB of {Size >> 30} GiB with {Data >> 20} MiB of data";

    public string OurWay => "MomentEngine.RestoreBackupAsync: hashes and disk compared, what differs written, flushed, recorded for the next increment";

    public string TheirWay => "qemu-img convert -O qcow2 of the whole backup, then sync of the file";

    private string Target => Path.Combine(_scratch, "theirs.qcow2");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "qemu-io", "sync") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
        VMBackup backup = await _machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = Path.Combine(scratch, "backup") }, _machine, cancellation);
        _file = backup.Disks[0].Path;
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        File.Delete(Target);
        _round++;
        await Tool.RunAsync(
            "qemu-io", ["-f", "qcow2", .. Enumerable.Range(0, Blocks).SelectMany(block => (string[])["-c", $"write -P {1 + (_round + block) % 255} {Size / Blocks * block / Block * Block} {Block}"]), _machine!.Disk], cancellation);
        await Tool.RunAsync("sync", [], cancellation);
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        IReadOnlyList<VMRestoredDisk> restored = await _machine!.Engine.RestoreBackupAsync(
            Machine.Name, new RestoreBackupRequest { Repository = Path.Combine(_scratch, "backup"), InPlace = true }, _machine, cancellation);
        if (restored[0].WrittenBytes != Blocks * Block)
            throw new InvalidOperationException($"{restored[0].WrittenBytes} bytes were written, and {Blocks * Block} differ");
    }

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await Tool.RunAsync("qemu-img", ["convert", "-f", "qcow2", "-O", "qcow2", _file, Target], cancellation);
        await Tool.RunAsync("sync", [Target], cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }
}
