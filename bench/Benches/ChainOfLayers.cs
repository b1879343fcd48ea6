using System.Globalization;

namespace MomentTools.Bench.Benches;

/// <summary>A chain of 200 layers beside one of 100: what is linear takes twice as long.</summary>
/// <param name="what">"snapshot", "list", "restore" or "remove".</param>
internal sealed class ChainOfLayers(string what) : IBench
{
    // As long as a chain may be, with those that the rounds put on top.
    private const int Many = 200;
    private const int Room = 8;

    private (Machine Machine, int Layers) _whole, _half;
    private int _round;

    public string Subject => $"{what} on a chain of {Many} layers of a running machine beside half of them";

    public string OurWay => $"{Many} layers";

    public string TheirWay => $"{Many / 2} layers: linear is 2.0";

    public int WarmUps => 2;

    public int Rounds => 5;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img") is { } missing)
            return missing;
        _half = (await MakeAsync(Path.Combine(scratch, "h"), Many / 2 - Room, cancellation), Many / 2 - Room);
        _whole = (await MakeAsync(Path.Combine(scratch, "w"), Many - Room, cancellation), Many - Room);
        return null;
    }

    public Task BeforeRoundAsync(CancellationToken cancellation)
    {
        _round++;
        return Task.CompletedTask;
    }

    public Task OursAsync(CancellationToken cancellation) => WorkAsync(_whole, cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => WorkAsync(_half, cancellation);

    public async ValueTask DisposeAsync()
    {
        foreach (Machine? machine in (Machine?[])[_whole.Machine, _half.Machine])
            if (machine is not null)
                await machine.DisposeAsync();
        (_whole, _half) = (default, default);
    }

    private static async Task<Machine> MakeAsync(string directory, int layers, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        Machine machine = await Machine.RegisterAsync(directory, 1L << 30, 0, 1, cancellation);
        await machine.Engine.StartDomainAsync(Machine.Name, paused: true, machine, cancellation);
        for (int number = 0; number < layers; number++)
            await SnapshotAsync(machine, Name(number), cancellation);
        return machine;
    }

    private async Task WorkAsync((Machine Machine, int Layers) chain, CancellationToken cancellation)
    {
        MomentEngine engine = chain.Machine.Engine;
        switch (what)
        {
            case "snapshot":
                await SnapshotAsync(chain.Machine, $"more{_round}", cancellation);
                break;
            case "list":
                if ((await engine.GetMomentsAsync(Machine.Name, new MomentQuery(), chain.Machine, cancellation)).Count != chain.Layers)
                    throw new InvalidOperationException("Not all snapshots are listed.");
                break;
            case "restore":
                await engine.RestoreSnapshotAsync(Machine.Name, new RestoreSnapshotRequest { Name = Name(chain.Layers - 1) }, chain.Machine, cancellation);
                break;
            default:
                // In the middle: the layer above is merged into the one that was this snapshot's.
                await engine.RemoveSnapshotsAsync(Machine.Name, new RemoveSnapshotRequest { Name = Name(chain.Layers / 2 + _round), UndoFor = TimeSpan.Zero }, chain.Machine, cancellation);
                break;
        }
    }

    private static Task<VMSnapshot> SnapshotAsync(Machine machine, string name, CancellationToken cancellation) =>
        machine.Engine.CreateSnapshotAsync(Machine.Name, new CreateSnapshotRequest { Name = name, DiskOnly = true }, machine, cancellation);

    private static string Name(int number) => "s" + number.ToString(CultureInfo.InvariantCulture);
}
