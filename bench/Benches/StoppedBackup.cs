namespace MomentTools.Bench.Benches;

/// <summary>A full backup of a stopped machine beside the tools people copy an image with, alone or with the flush and the hash that ours has.</summary>
/// <param name="nbdcopy">Whether it is nbdcopy with four connections to a qemu-nbd, or else qemu-img convert.</param>
/// <param name="hashed">Whether their file is flushed and hashed as well.</param>
internal sealed class StoppedBackup(bool nbdcopy, bool hashed) : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;

    private Machine? _machine;
    private string _scratch = "";
    private int _round;

    public string Subject => $"full backup of a stopped machine with {Data >> 20} MiB of data";

    public string OurWay => "MomentEngine.BackupAsync: copied, hashed, flushed, published, with its checkpoint";

    public string TheirWay => (nbdcopy ? "qemu-nbd and nbdcopy --connections=4 into a raw file" : "qemu-img convert -O qcow2") + (hashed ? ", then sync and sha256sum of the file" : "");

    private string Repository => Path.Combine(_scratch, $"backup{_round}");

    private string Target => Path.Combine(_scratch, $"theirs{_round}");

    private string Socket => Path.Combine(_scratch, "n");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "qemu-nbd", "nbdcopy", "sync", "sha256sum") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
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
        if (nbdcopy)
        {
            // It ends with its last client.
            await Tool.RunAsync("qemu-nbd", ["--fork", "--read-only", "--shared=4", $"--socket={Socket}", "--format=qcow2", _machine!.Disk], cancellation);
            await Tool.RunAsync("nbdcopy", ["--connections=4", "--target-is-zero", $"nbd+unix:///?socket={Socket}", Target], cancellation);
        }
        else
        {
            await Tool.RunAsync("qemu-img", ["convert", "-f", "qcow2", "-O", "qcow2", _machine!.Disk, Target], cancellation);
        }

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
