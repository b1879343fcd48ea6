namespace MomentTools.Bench.Benches;

/// <summary>
/// An incremental push backup of a running machine of which 1 % of 2 GiB was written, in scattered blocks of 64 KiB, beside the bare job: on
/// a disk of that size, and on a larger one with as many blocks.
/// </summary>
/// <param name="scale">How many times larger the disk is.</param>
/// <param name="hashed">Whether the bare job's file is flushed and hashed as well.</param>
internal sealed class IncrementalBackup(int scale, bool hashed) : IBench
{
    private const string Bitmap = "bare";
    private const long Block = 64 << 10;
    private const int Blocks = 328;
    private const int Data = 256 << 20;

    private Machine? _machine;
    private string _scratch = "";
    private int _round;

    public string Subject => $"incremental push of {Blocks} scattered blocks of 64 KiB of {Size >> 30} GiB";

    public string OurWay => "MomentEngine.BackupAsync: copied, hashed, flushed, published, with its checkpoint";

    public string TheirWay => hashed ? "the bare blockdev-backup, then sync and sha256sum of its file" : "the bare blockdev-backup: target created over QMP, copied, closed";

    private long Size => scale * (2L << 30);

    private string Target => Path.Combine(_scratch, $"bare{_round}.qcow2");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img", "sync", "sha256sum") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        await BackupAsync(VMBackupKind.Full, cancellation);
        await BareBackup.RecordAsync(_machine, Bitmap, cancellation);
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        File.Delete(Target);
        _round++;
        for (int block = 0; block < Blocks; block++)
            await _machine!.WriteAsync(Size / Blocks * block / Block * Block, Block, _round + block, cancellation);
        // What was written before must not be flushed on this round's account.
        await Tool.RunAsync("sync", [], cancellation);
    }

    public Task OursAsync(CancellationToken cancellation) => BackupAsync(VMBackupKind.Incremental, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await BareBackup.RunAsync(_machine!, Target, Size, Bitmap, cancellation);
        if (hashed)
            await BareBackup.FlushAndHashAsync(Target, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }

    private Task<VMBackup> BackupAsync(VMBackupKind kind, CancellationToken cancellation) => _machine!.Engine.BackupAsync(
        Machine.Name, new BackupRequest { Repository = Path.Combine(_scratch, "backup"), Kind = kind }, _machine, cancellation);
}
