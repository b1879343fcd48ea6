namespace MomentTools.Bench.Benches;

/// <summary>Backups folded into one, beside qemu-img on the same chain: rebase where a full one stays beneath, convert where it becomes full.</summary>
internal sealed class MergeBesideRebase(bool full) : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;
    private const int Changed = 64 << 20;

    private readonly List<string> _ids = [];
    private Machine? _machine;
    private string _scratch = "";

    public string Subject => full
        ? $"a full backup of {Data >> 20} MiB and two increments of {Changed >> 20} MiB folded into one"
        : $"one of two increments of {Changed >> 20} MiB on a full backup of {Data >> 20} MiB folded into the other";

    public string OurWay => "MomentEngine.MergeBackupAsync: sources verified, written, compared, hashed, flushed, exchanged, the old ones removed";

    public string TheirWay => full ? "qemu-img convert of the newest image, then sync of the file" : "qemu-img rebase of the newest image onto the full one, then sync of the file";

    private string Kept => Path.Combine(_scratch, "kept");

    private string Repository => Path.Combine(_scratch, "backup");

    private string Theirs => Path.Combine(_scratch, "theirs");

    private string Newest => Path.Combine(Theirs, Machine.Name, _ids[^1], "sda.qcow2");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "qemu-io", "cp", "sync") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
        for (int round = 0; round < 3; round++)
        {
            if (round > 0)
                await Tool.RunAsync("qemu-io", ["-f", "qcow2", "-c", $"write -P {round} {round * Changed} {Changed}", _machine.Disk], cancellation);
            _ids.Add((await _machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = Kept }, _machine, cancellation)).Id);
        }

        return null;
    }

    // Under second names: neither side changes a file of the other. What rebase works on is a copy.
    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        foreach (string copy in (string[])[Repository, Theirs])
        {
            if (Directory.Exists(copy))
                Directory.Delete(copy, recursive: true);
            await Tool.RunAsync("cp", ["-al", Kept, copy], cancellation);
        }

        string newest = Newest;
        File.Move(newest, newest + ".old");
        File.Copy(newest + ".old", newest);
        await Tool.RunAsync("sync", [], cancellation);
    }

    public Task OursAsync(CancellationToken cancellation) => _machine!.Engine.MergeBackupAsync(
        Machine.Name, new MergeBackupRequest { Repository = Repository, Id = _ids[^1], Since = full ? null : _ids[0] }, _machine, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        string target = full ? Path.Combine(Theirs, "full.qcow2") : Newest;
        await Tool.RunAsync(
            "qemu-img", full ? ["convert", "-f", "qcow2", "-O", "qcow2", Newest, target] : ["rebase", "-f", "qcow2", "-F", "qcow2", "-b", $"../{_ids[0]}/sda.qcow2", target], cancellation);
        await Tool.RunAsync("sync", [target], cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }
}
