namespace MomentTools.Bench.Benches;

/// <summary>A disk-only external snapshot of a running machine beside virsh, each on a machine of its own; the chains grow alike.</summary>
internal sealed class SnapshotBesideVirsh(int disks, bool keptOpen) : IBench
{
    private Machine? _machine;
    private LibvirtMachine? _libvirt;
    private int _last;

    public string Subject => $"disk-only snapshot of {disks} disk{(disks == 1 ? "" : "s")}, beside libvirt";

    public string OurWay => "MomentEngine.CreateSnapshotAsync in a session";

    public string TheirWay => keptOpen
        ? "libvirt's call alone, from a virsh that is kept open"
        : "virsh snapshot-create-as --disk-only in a process of its own";

    public int WarmUps => 8;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if ((Tool.Missing("qemu-system-x86_64", "qemu-img") ?? Libvirt.WhyNot()) is { } reason)
            return reason;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, disks, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        _libvirt = await LibvirtMachine.StartAsync(scratch, disks, paused: true, cancellation);
        return _libvirt is null ? "libvirtd did not come up in a mount namespace of its own" : null;
    }

    public Task OursAsync(CancellationToken cancellation) =>
        _machine!.Engine.CreateSnapshotAsync(Machine.Name, new CreateSnapshotRequest { DiskOnly = true, Name = $"s{_last}" }, _machine, cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => keptOpen
        ? _libvirt!.CallAsync($"snapshot-create-as {Machine.Name} s{++_last} --disk-only", cancellation)
        : _libvirt!.VirshAsync(["snapshot-create-as", Machine.Name, $"s{++_last}", "--disk-only"], cancellation);

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        if (_libvirt is not null)
            await _libvirt.DisposeAsync();
        (_machine, _libvirt) = (null, null);
    }
}
