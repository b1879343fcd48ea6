namespace MomentTools.Bench.Benches;

/// <summary>
/// Going back to an external snapshot while the machine runs, beside libvirt: how long the guest stands still. Before 9.9 libvirt refuses it,
/// and what is left is to end the machine and to start it again on the old files.
/// </summary>
internal sealed class RestoreBesideVirsh : IBench
{
    private Machine? _machine;
    private LibvirtMachine? _libvirt;
    private GuestPause? _pause;
    private int _round;

    public string Subject => "guest stopped by a restore of a disk-only external snapshot";

    public string OurWay => "MomentEngine.RestoreSnapshotAsync on the running machine: STOP to RESUME";

    public string TheirWay => "virsh destroy and start (libvirt 9.0 refuses to restore external snapshots)";

    public TimeSpan? Told { get; private set; }

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if ((Tool.Missing("qemu-system-x86_64", "qemu-img") ?? Libvirt.WhyNot()) is { } reason)
            return reason;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, 1, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: false, _machine, cancellation);
        _libvirt = await LibvirtMachine.StartAsync(scratch, 1, paused: false, cancellation);
        if (_libvirt is null)
            return "libvirtd did not come up in a mount namespace of its own";
        await _machine.Engine.CreateSnapshotAsync(
            Machine.Name, new CreateSnapshotRequest { Name = "clean", DiskOnly = true }, _machine, cancellation);
        await _libvirt.VirshAsync(["snapshot-create-as", Machine.Name, "clean", "--disk-only"], cancellation);
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        await _machine!.WriteAsync(0, 1 << 20, ++_round, cancellation);
        // Only now: writing needs the same monitor.
        _pause = await GuestPause.WatchAsync(_machine.Monitor, cancellation);
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        await _machine!.Engine.RestoreSnapshotAsync(Machine.Name, new RestoreSnapshotRequest { Name = "clean" }, _machine, cancellation);
        Told = await _pause!.TakeAsync(cancellation);
        await _pause.DisposeAsync();
        _pause = null;
    }

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        Told = null;
        await _libvirt!.CallAsync($"destroy {Machine.Name}", cancellation);
        await _libvirt.CallAsync($"start {Machine.Name}", cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_pause is not null)
            await _pause.DisposeAsync();
        if (_machine is not null)
            await _machine.DisposeAsync();
        if (_libvirt is not null)
            await _libvirt.DisposeAsync();
        (_pause, _machine, _libvirt) = (null, null, null);
    }
}
