namespace MomentTools.Bench.Benches;

/// <summary>A test of a repository, beside a tool that computes the SHA-256 of the same files.</summary>
internal sealed class VerifyBesideSha256(bool openssl) : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;
    private const int Changed = 64 << 20;

    private Machine? _machine;
    private string _repository = "";
    private string[] _files = [];

    public string Subject => $"test of a full backup of {Data >> 20} MiB and two increments of {Changed >> 20} MiB";

    public string OurWay => "MomentEngine.TestBackupsAsync: every hash, headers, chains, documents, qemu-img check";

    public string TheirWay => (openssl ? "openssl dgst -sha256" : "sha256sum") + " of the same files";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "qemu-io", openssl ? "openssl" : "sha256sum") is { } missing)
            return missing;
        _repository = Path.Combine(scratch, "backup");
        _machine = await Machine.RegisterAsync(scratch, Size, Data, 1, cancellation);
        for (int round = 0; round < 3; round++)
        {
            if (round > 0)
                await Tool.RunAsync("qemu-io", ["-f", "qcow2", "-c", $"write -P {round} {round * Changed} {Changed}", _machine.Disk], cancellation);
            await _machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = _repository }, _machine, cancellation);
        }

        _files = Directory.GetFiles(_repository, "*", SearchOption.AllDirectories);
        return null;
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        if ((await _machine!.Engine.TestBackupsAsync(Machine.Name, new TestBackupRequest { Repository = _repository }, _machine, cancellation)).Count > 0)
            throw new InvalidOperationException("a whole repository was found damaged");
    }

    public Task TheirsAsync(CancellationToken cancellation) =>
        openssl ? Tool.RunAsync("openssl", ["dgst", "-sha256", .. _files], cancellation) : Tool.RunAsync("sha256sum", _files, cancellation);

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }
}
