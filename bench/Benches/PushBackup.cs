namespace MomentTools.Bench.Benches;

/// <summary>A full push backup of a running machine beside the bare job, alone or with the flush and the hash that ours has.</summary>
internal sealed class PushBackup(bool hashed) : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;

    private Machine? _machine;
    private string _scratch = "";
    private int _round;

    public string Subject => $"full push of {Data >> 20} MiB of data";

    public string OurWay => "MomentEngine.BackupAsync: copied, hashed, flushed, published, with its checkpoint";

    public string TheirWay => hashed ? "the bare blockdev-backup, then sync and sha256sum of its file" : "the bare blockdev-backup: target created over QMP, copied, closed";

    private string Repository => Path.Combine(_scratch, $"backup{_round}");

    private string Target => Path.Combine(_scratch, $"bare{_round}.qcow2");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img", "sync", "sha256sum") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        await BareBackup.ClearAsync(Target, Repository, cancellation);
        _round++;
    }

    public Task OursAsync(CancellationToken cancellation) =>
        _machine!.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = Repository, Kind = VMBackupKind.Full }, _machine, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await BareBackup.RunAsync(_machine!, Target, Size, null, cancellation);
        if (hashed)
            await BareBackup.FlushAndHashAsync(Target, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }
}
