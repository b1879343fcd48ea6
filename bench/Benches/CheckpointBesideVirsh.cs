namespace MomentTools.Bench.Benches;

/// <summary>A checkpoint of a running machine beside virsh, each on a machine of its own with the same disks.</summary>
/// <param name="disks">How many disks.</param>
/// <param name="keptOpen">Whether one virsh is kept open, so that libvirt's call alone is measured, and not the start of a process.</param>
internal sealed class CheckpointBesideVirsh(int disks, bool keptOpen) : IBench
{
    private Machine? _machine;
    private Libvirt? _libvirt;
    private LibvirtShell? _shell;
    private int _last;

    public string Subject => $"checkpoint of {disks} disk{(disks == 1 ? "" : "s")}, beside libvirt";

    public string OurWay => "MomentEngine.CreateCheckpointAsync in a session";

    public string TheirWay => keptOpen
        ? "libvirt's call alone, from a virsh that is kept open: nothing flushed, no sidecar, no journal"
        : "virsh checkpoint-create-as in a process of its own: nothing flushed, no sidecar, no journal";

    public int WarmUps => 12;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if ((Tool.Missing("qemu-system-x86_64", "qemu-img") ?? Libvirt.WhyNot()) is { } reason)
            return reason;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, disks, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        string own = Path.Combine(scratch, "v");
        Directory.CreateDirectory(own);
        _libvirt = await Libvirt.StartAsync(own, cancellation);
        if (_libvirt is null)
            return "libvirtd did not come up in a mount namespace of its own";
        for (int disk = 0; disk < disks; disk++)
            await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", Machine.DiskPath(own, disk), "1G"], cancellation);
        string document = Path.Combine(own, "domain.xml");
        await File.WriteAllTextAsync(document, Machine.Document(own, disks), cancellation);
        await _libvirt.VirshAsync(["define", document], cancellation);
        await _libvirt.VirshAsync(["start", Machine.Name, "--paused"], cancellation);
        if (keptOpen)
            _shell = _libvirt.Shell();
        return null;
    }

    public Task OursAsync(CancellationToken cancellation) =>
        _machine!.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest(), _machine, cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => _shell is { } shell
        ? shell.RunAsync($"checkpoint-create-as {Machine.Name} c{++_last}", cancellation)
        : _libvirt!.VirshAsync(["checkpoint-create-as", Machine.Name, $"c{++_last}"], cancellation);

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
        _shell?.Dispose();
        _shell = null;
        if (_libvirt is not null)
            await _libvirt.DisposeAsync();
        _libvirt = null;
    }
}
