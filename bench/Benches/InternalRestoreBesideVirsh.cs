namespace MomentTools.Bench.Benches;

/// <summary>
/// How long the guest stands still when a running machine goes back to an internal snapshot with its memory, beside libvirt, which ends QEMU and
/// starts another one. Ours has a checkpoint besides, with which libvirt would lose the machine.
/// </summary>
internal sealed class InternalRestoreBesideVirsh : IBench
{
    private Machine? _machine;
    private GuestPause? _pause;
    private LibvirtMachine? _libvirt;

    public string Subject => "guest stopped by going back to an internal snapshot with 64 MiB of memory";

    public string OurWay => "MomentEngine.RestoreSnapshotAsync, a checkpoint present, what is left kept for an hour: STOP to RESUME";

    public string TheirWay => "virsh snapshot-revert, without a checkpoint: the call";

    public TimeSpan? Told { get; private set; }

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if ((Tool.Missing("qemu-system-x86_64", "qemu-img") ?? Libvirt.WhyNot()) is { } reason)
            return reason;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, 1, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: false, _machine, cancellation);
        await _machine.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest { Name = "monday" }, _machine, cancellation);
        await _machine.Engine.CreateSnapshotAsync(Machine.Name, new CreateSnapshotRequest { Name = "clean", Internal = true, Memory = true }, _machine, cancellation);
        _pause = await GuestPause.WatchAsync(_machine.Monitor, cancellation);
        _libvirt = await LibvirtMachine.StartAsync(scratch, 1, paused: false, cancellation);
        if (_libvirt is null)
            return "libvirtd did not come up in a mount namespace of its own";
        await _libvirt.VirshAsync(["snapshot-create-as", Machine.Name, "clean"], cancellation);
        return null;
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        await _pause!.TakeAsync(cancellation);
        await _machine!.Engine.RestoreSnapshotAsync(Machine.Name, new RestoreSnapshotRequest { Name = "clean" }, _machine, cancellation);
        Told = await _pause.TakeAsync(cancellation);
    }

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        Told = null;
        await _libvirt!.VirshAsync(["snapshot-revert", Machine.Name, "clean"], cancellation);
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
