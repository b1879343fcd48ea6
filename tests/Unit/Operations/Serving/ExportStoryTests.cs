using System.Globalization;
using MomentTools.Errors;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>
/// Random lives of a machine: checkpoints, layers, block snapshots, removals, restarts. After each the changes up to each block snapshot since
/// each moment are held against every byte that was ever there.
/// </summary>
public sealed class ExportStoryTests
{
    private const int Steps = 14;

    private readonly List<(string Name, byte[] Bytes, int Written)> _moments = [];
    private readonly List<(string Name, byte[] Bytes, int Written)> _views = [];
    private readonly List<HashSet<long>> _writes = [];
    private int _names, _exact, _asked;

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task NoContextIsEverTooSmall(int seed)
    {
        var random = new Random(seed);
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await CheckpointAsync(machine);
        for (int step = 0; step < Steps; step++)
        {
            await StepAsync(machine, random.Next(10), random);
            _writes.Add(await machine.WriteAsync(random.Next(1, 4)));
            foreach ((string view, byte[] bytes, int written) in _views.ToArray())
                await JudgeAsync(machine, view, bytes, written, random);
        }

        Assert.True(_asked > 5 && _exact > _asked / 2, $"{_exact} of {_asked} were exactly what was written");
        Assert.Empty(await machine.ExportsAsync());
    }

    private async Task StepAsync(ExportMachine machine, int what, Random random)
    {
        switch (what)
        {
            case <= 2:
                await CheckpointAsync(machine);
                break;
            case <= 4 when _views.Count < 3:
                string view = Name();
                string? checkpoint = random.Next(2) == 0 ? Name() : null;
                await machine.BlockSnapshotAsync(view, checkpoint);
                _views.Add((view, machine.Bytes(), _writes.Count));
                if (checkpoint is not null)
                    _moments.Add((checkpoint, machine.Bytes(), _writes.Count));
                break;
            case 5 when _views.Count > 0:
                (string gone, _, _) = _views[random.Next(_views.Count)];
                await machine.RemoveBlockSnapshotAsync(gone);
                _views.RemoveAll(one => one.Name == gone);
                break;
            case <= 7 when _moments.Count > 2:
                (string old, _, _) = _moments[random.Next(_moments.Count)];
                // A snapshot's layer is merged, and views stand in the way of that.
                if (!old.StartsWith("layer", StringComparison.Ordinal))
                {
                    await machine.Machine.RemoveAsync(old);
                    _moments.RemoveAll(one => one.Name == old);
                }

                break;
            case 8:
                string layer = "layer" + Name();
                await machine.Machine.SnapshotAsync(layer, request => request with { DiskOnly = true });
                _moments.Add((layer, machine.Bytes(), _writes.Count));
                break;
            case 9:
                await machine.Machine.StopAsync();
                await machine.Machine.StartAsync();
                _views.Clear();
                break;
        }
    }

    private async Task JudgeAsync(ExportMachine machine, string view, byte[] bytes, int written, Random random)
    {
        foreach ((string since, byte[] then, int from) in _moments.OrderBy(_ => random.Next()).Take(3))
        {
            VMBlockExport export = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Snapshot = view, Since = since });
            HashSet<long> dirty = ExportMachine.Dirty(export), differing = ExportMachine.Differing(then, bytes);
            Assert.True(differing.IsSubsetOf(dirty), $"'{view}' since '{since}' lacks {string.Join(",", differing.Except(dirty))}");
            _asked++;
            // What was written between them, and nothing else.
            if (dirty.SetEquals(_writes.Skip(Math.Min(from, written)).Take(Math.Abs(written - from)).SelectMany(blocks => blocks)))
                _exact++;
            await machine.StopAsync();
        }

        VMBlockExport whole = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Snapshot = view });
        Assert.True(machine.Read(whole.Uri).AsSpan().SequenceEqual(bytes), view);
        await machine.StopAsync();
        MomentException refusal = await Assert.ThrowsAsync<MomentException>(() => machine.StartAsync(new StartBlockExportRequest { Disks = ["vda"], Snapshot = view, Since = "never" }));
        Assert.Equal(MomentTools.Moments.MomentErrors.MomentNotFound, refusal.ErrorId);
    }

    private async Task CheckpointAsync(ExportMachine machine)
    {
        string name = Name();
        await machine.Machine.CheckpointAsync(name);
        _moments.Add((name, machine.Bytes(), _writes.Count));
    }

    private string Name() => string.Create(CultureInfo.InvariantCulture, $"m{_names++}");
}
