namespace MomentTools.Bench.Benches;

/// <summary>How long the guest stands still for a snapshot with memory, beside a bare migration into a socket.</summary>
internal sealed class MemorySnapshotPause : IBench
{
    private Machine? _machine;
    private GuestPause? _pause;
    private string _scratch = "";
    private int _round;

    public string Subject => "guest stopped by a snapshot with 64 MiB of memory";

    public string OurWay => "MomentEngine.CreateSnapshotAsync, memory and disk at one instant: STOP to RESUME";

    public string TheirWay => "a bare QMP migration to a socket, the memory alone: STOP to RESUME";

    public TimeSpan? Told { get; private set; }

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-img") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, 1, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: false, _machine, cancellation);
        _pause = await GuestPause.WatchAsync(_machine.Monitor, cancellation);
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        _round++;
        await _pause!.TakeAsync(cancellation);
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        await _machine!.Engine.CreateSnapshotAsync(Machine.Name, new CreateSnapshotRequest { Name = $"s{_round}", Memory = true, Live = true }, _machine, cancellation);
        Told = await _pause!.TakeAsync(cancellation);
    }

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await BareMigration.RunAsync(_machine!.MainMonitor, Path.Combine(_scratch, "m"), Path.Combine(_scratch, $"bare{_round}"), cancellation);
        Told = await _pause!.TakeAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_pause is not null)
            await _pause.DisposeAsync();
        if (_machine is not null)
            await _machine.DisposeAsync();
        (_pause, _machine) = (null, null);
    }
}
