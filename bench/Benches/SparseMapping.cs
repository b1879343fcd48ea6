using System.Globalization;
using MomentTools.Qcow2;

namespace MomentTools.Bench.Benches;

/// <summary>What is allocated in a disk of 1 TiB that holds almost nothing.</summary>
internal sealed class SparseMapping : IBench
{
    private const int Writes = 2000;
    private string _image = "";
    private string _scratch = "";

    public string Subject => "map of a sparse 1 TiB image";

    public string OurWay => "open the chain, Qcow2Chain.MapAsync over all of it";

    public string TheirWay => "qemu-img map --output=json";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-img", "qemu-io") is { } missing)
            return missing;
        _scratch = scratch;
        _image = Path.Combine(scratch, "a.qcow2");
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", _image, "1T"], cancellation);
        var random = new Random(1);
        IEnumerable<string> writes = Enumerable.Range(0, Writes).Select(_ =>
            string.Create(CultureInfo.InvariantCulture, $"write -z {random.NextInt64(1L << 24) << 16} 64k"));
        await Tool.RunAsync("qemu-io", ["-f", "qcow2", _image, .. writes.SelectMany(write => (string[])["-c", write])], cancellation);
        return null;
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        await using Qcow2Chain chain = await Qcow2Chain.OpenAsync(_image, new DirectoryImageGate(_scratch), cancellation);
        long mapped = 0;
        await foreach (Qcow2ChainRun run in chain.MapAsync(0, chain.Length, cancellation))
            mapped += run.Mapping.Length;
        if (mapped != chain.Length)
            throw new InvalidOperationException($"{mapped} bytes were mapped");
    }

    public Task TheirsAsync(CancellationToken cancellation) =>
        Tool.RunAsync("qemu-img", ["map", "-f", "qcow2", "--output=json", _image], cancellation);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
