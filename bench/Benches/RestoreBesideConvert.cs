namespace MomentTools.Bench.Benches;

/// <summary>A restore to a new file beside a copy by qemu-img, which compares no hashes.</summary>
/// <param name="format"><c>qcow2</c> or <c>raw</c>.</param>
internal sealed class RestoreBesideConvert(string format) : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;

    private Machine? _machine;
    private string _scratch = "";
    private string _file = "";

    public string Subject => $"restore of {Data >> 20} MiB of data to a new {format} file";

    public string OurWay => "MomentEngine.RestoreBackupAsync: copied, every file compared with its hashes, flushed";

    public string TheirWay => $"qemu-img convert -O {format} of the backup, then sync and sha256sum of the file";

    private string Target => Path.Combine(_scratch, "theirs");

    private string Destination => Path.Combine(_scratch, "ours");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "sync", "sha256sum") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
        VMBackup backup = await _machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = Path.Combine(scratch, "backup") }, _machine, cancellation);
        _file = backup.Disks[0].Path;
        return null;
    }

    public Task BeforeRoundAsync(CancellationToken cancellation) => BareBackup.ClearAsync(Target, Destination, cancellation);

    public Task OursAsync(CancellationToken cancellation) => _machine!.Engine.RestoreBackupAsync(
        Machine.Name, new RestoreBackupRequest { Repository = Path.Combine(_scratch, "backup"), Destination = Destination, Format = format }, _machine, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await Tool.RunAsync("qemu-img", ["convert", "-f", "qcow2", "-O", format, _file, Target], cancellation);
        await BareBackup.FlushAndHashAsync(Target, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }
}
