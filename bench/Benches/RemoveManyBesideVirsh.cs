using System.Globalization;

namespace MomentTools.Bench.Benches;

/// <summary>
/// A thousand checkpoints of a running machine on a two-layer disk removed with all below the first, beside virsh. One round: making them
/// takes minutes.
/// </summary>
internal sealed class RemoveManyBesideVirsh : IBench
{
    private const int Count = 1000;
    private const string First = "c1";

    private Machine? _machine;
    private Libvirt? _libvirt;

    public string Subject => "removal of many checkpoints on two layers, beside libvirt";

    public string OurWay => $"MomentEngine.RemoveMomentsAsync, {Count} checkpoints, one transaction";

    public string TheirWay => $"virsh checkpoint-delete --children, {Count} checkpoints";

    public int WarmUps => 0;

    public int Rounds => 1;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if ((Tool.Missing("qemu-system-x86_64", "qemu-img") ?? Libvirt.WhyNot()) is { } reason)
            return reason;
        string own = Path.Combine(scratch, "v"), below = Path.Combine(scratch, "below.qcow2");
        Directory.CreateDirectory(own);
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, 1, cancellation);
        File.Move(_machine.Disk, below);
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", _machine.Disk], cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        _libvirt = await Libvirt.StartAsync(own, cancellation);
        if (_libvirt is null)
            return "libvirtd did not come up in a mount namespace of its own";
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", Machine.DiskPath(own, 0), "1G"], cancellation);
        string document = Path.Combine(own, "domain.xml");
        await File.WriteAllTextAsync(document, Machine.Document(own, 1), cancellation);
        await _libvirt.VirshAsync(["define", document], cancellation);
        await _libvirt.VirshAsync(["start", Machine.Name, "--paused"], cancellation);
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        for (int index = 1; index <= Count; index++)
            await _machine!.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest { Name = Name(index) }, _machine, cancellation);
        // libvirt's bitmaps lie on both layers then, as in the life of a machine that is snapshotted.
        await CreateTheirsAsync(1, Count / 2, cancellation);
        await _libvirt!.VirshAsync(["snapshot-create-as", Machine.Name, "layer", "--disk-only", "--no-metadata"], cancellation);
        await CreateTheirsAsync(Count / 2 + 1, Count, cancellation);
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        IReadOnlyList<VMMoment> removed = await _machine!.Engine.RemoveMomentsAsync(
            Machine.Name, new RemoveMomentRequest { Name = First, Descendants = true }, _machine, cancellation);
        if (removed.Count != Count)
            throw new InvalidOperationException($"{removed.Count} checkpoints were removed, not {Count}.");
    }

    public Task TheirsAsync(CancellationToken cancellation) => _libvirt!.VirshAsync(["checkpoint-delete", Machine.Name, First, "--children"], cancellation);

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
        if (_libvirt is not null)
            await _libvirt.DisposeAsync();
        _libvirt = null;
    }

    private Task<string> CreateTheirsAsync(int from, int to, CancellationToken cancellation) =>
        _libvirt!.VirshAsync([string.Join("; ", Enumerable.Range(from, to - from + 1).Select(index => $"checkpoint-create-as {Machine.Name} {Name(index)}"))], cancellation);

    private static string Name(int index) => "c" + index.ToString(CultureInfo.InvariantCulture);
}
