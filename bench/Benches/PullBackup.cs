namespace MomentTools.Bench.Benches;

/// <summary>
/// A full backup of a running machine by pull, beside the tools that people copy an export of such a held instant with: alone, in memory,
/// where no flush of ours waits for a device; or on the disk, with the flush and the hash that ours has. Theirs has the instant and its
/// export already.
/// </summary>
internal sealed class PullBackup(bool convert, bool hashed) : IBench
{
    private const string Held = "held";
    private const long Size = 2L << 30;
    private const long Data = 1L << 30;

    private Machine? _machine;
    private string _scratch = "";
    private string _uri = "";
    private int _round;

    public string Subject => $"full pull of {Data >> 20} MiB of data in {Size >> 30} GiB{(hashed ? "" : ", in memory")}";

    public string OurWay => "MomentEngine.BackupAsync with Pull: instant, checkpoint, copied, hashed, flushed, published";

    public string TheirWay => (convert ? "qemu-img convert -O qcow2 from an export of a block snapshot" : "nbdcopy --connections=4 from an export of a block snapshot into a raw file") + (hashed ? ", then sync and sha256sum" : "");

    public int Rounds => 5;

    private string Repository => Path.Combine(_scratch, $"backup{_round}");

    private string Target => Path.Combine(_scratch, $"theirs{_round}");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img", "nbdcopy", "sync", "sha256sum") is { } missing)
            return missing;
        if (!hashed && new DriveInfo("/dev/shm").AvailableFreeSpace < 4 * Size)
            return "there is no room in /dev/shm";
        _scratch = hashed ? scratch : Directory.CreateDirectory($"/dev/shm/mtp{Environment.ProcessId}").FullName;
        _machine = await Machine.RegisterAsync(_scratch, Size, Data, 1, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        await _machine.Engine.CreateBlockSnapshotAsync(Machine.Name, new CreateBlockSnapshotRequest { Name = Held }, _machine, cancellation);
        _uri = (await _machine.Engine.StartBlockExportAsync(Machine.Name, new StartBlockExportRequest { Snapshot = Held }, _machine, cancellation))[0].Uri.OriginalString;
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        await BareBackup.ClearAsync(Target, Repository, cancellation);
        _round++;
    }

    public Task OursAsync(CancellationToken cancellation) => _machine!.Engine.BackupAsync(
        Machine.Name, new BackupRequest { Repository = Repository, Kind = VMBackupKind.Full, Pull = true }, _machine, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await (convert
            ? Tool.RunAsync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", _uri, Target], cancellation)
            : Tool.RunAsync("nbdcopy", ["--connections=4", _uri, Target], cancellation));
        if (hashed)
            await BareBackup.FlushAndHashAsync(Target, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
        if (!hashed && _scratch.Length > 0)
            Directory.Delete(_scratch, recursive: true);
        _scratch = "";
    }
}
