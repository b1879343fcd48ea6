using MomentTools.Blocks;
using MomentTools.Nbd;

namespace MomentTools.Bench.Benches;

/// <summary>A whole export read to nowhere, or into a new raw file, beside libnbd's nbdcopy with as many connections.</summary>
internal sealed class ExportBesideNbdcopy(bool toFile) : IBench
{
    private const long Size = 2L << 30;
    private const int Data = 1 << 30;
    private const int Stretch = 16 << 20;
    private const int Connections = 4;

    private StorageDaemon? _daemon;
    private string _directory = "";
    private int _round;

    public string Subject => $"export of {Size >> 30} GiB, {Data >> 30} GiB of it data, read {(toFile ? "into a raw file" : "to nowhere")}";

    public string OurWay => $"NbdConnections ({Connections}), BlockCopier";

    public string TheirWay => $"nbdcopy --connections={Connections}";

    private string Socket => Path.Combine(_directory, "n");

    private string Ours => Path.Combine(_directory, $"ours{_round}");

    private string Theirs => Path.Combine(_directory, $"theirs{_round}");

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "nbdcopy") is { } missing)
            return missing;
        if (new DriveInfo("/dev/shm").AvailableFreeSpace < 4 * Size)
            return "there is no room in /dev/shm";
        _directory = Directory.CreateDirectory($"/dev/shm/mtb{Environment.ProcessId}").FullName;
        string disk = Path.Combine(_directory, "d.raw");
        await WriteDiskAsync(disk, cancellation);
        _daemon = await StorageDaemon.StartAsync(Path.Combine(_directory, "q"), [
            "--blockdev", $"driver=file,node-name=f,filename={disk},read-only=on", "--blockdev", "driver=raw,node-name=d,file=f,read-only=on",
            "--nbd-server", $"addr.type=unix,addr.path={Socket},max-connections=0", "--export", "nbd,id=e,node-name=d,name=d"], cancellation);
        await OursAsync(cancellation);
        if (toFile)
        {
            await TheirsAsync(cancellation);
            await Tool.RunAsync("cmp", [Ours, Theirs], cancellation);
        }

        return null;
    }

    public Task BeforeRoundAsync(CancellationToken cancellation)
    {
        File.Delete(Ours);
        File.Delete(Theirs);
        _round++;
        return Task.CompletedTask;
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        await using NbdConnections source = await NbdConnections.ConnectAsync(
            new UnixNbdAddress(Socket), "d", [NbdContext.BaseAllocation], Connections, cancellation);
        await using IBlockWriter target = toFile ? RawFileWriter.Create(Ours, source.Length) : new Nowhere(source.Length);
        await new BlockCopier(source, target, new BlockCopyOptions { TargetIsZero = true, Flush = false }).RunAsync(null, cancellation);
    }

    public Task TheirsAsync(CancellationToken cancellation) => Tool.RunAsync(
        "nbdcopy", [$"--connections={Connections}", "--target-is-zero", $"nbd+unix:///d?socket={Socket}", toFile ? Theirs : "null:"], cancellation);

    public ValueTask DisposeAsync()
    {
        _daemon?.Dispose();
        _daemon = null;
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
        _directory = "";
        return ValueTask.CompletedTask;
    }

    // Every other stretch is data.
    private static async Task WriteDiskAsync(string path, CancellationToken cancellation)
    {
        byte[] stretch = new byte[Stretch];
        var random = new Random(1);
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        file.SetLength(Size);
        for (long at = 0; at < Size; at += 2 * Stretch)
        {
            random.NextBytes(stretch);
            file.Position = at;
            await file.WriteAsync(stretch, cancellation);
        }
    }

    /// <summary>Takes everything and keeps nothing.</summary>
    private sealed class Nowhere(long length) : IBlockWriter
    {
        public long Length => length;

        public int Alignment => 1;

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation) => ValueTask.CompletedTask;

        public ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation) => ValueTask.CompletedTask;

        public Task FlushAsync(CancellationToken cancellation) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
