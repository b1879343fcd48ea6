namespace MomentTools.Bench.Benches;

/// <summary>A full backup of a running machine, with its checkpoint, hashes and flushes, beside a plain copy by qemu-img.</summary>
internal sealed class FullBackup : IBench
{
    private const int Data = 256 << 20;

    private Machine? _machine;
    private string _scratch = "";
    private int _round;

    public string Subject => "full backup of 256 MiB of data";

    public string OurWay => "MomentEngine.BackupAsync: copied, hashed, flushed, with its checkpoint";

    public string TheirWay => "qemu-img convert -U: copied only";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, Data, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        return null;
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        string repository = Path.Combine(_scratch, $"backup{_round++}");
        await _machine!.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = repository, Kind = VMBackupKind.Full }, _machine, cancellation);
    }

    public Task TheirsAsync(CancellationToken cancellation) =>
        Tool.RunAsync("qemu-img", ["convert", "-U", "-f", "qcow2", "-O", "qcow2", _machine!.Disk, Path.Combine(_scratch, $"copy{_round}.qcow2")], cancellation);

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }
}
