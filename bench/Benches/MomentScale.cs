using MomentTools.Moments;

namespace MomentTools.Bench.Benches;

/// <summary>100,000 moments beside 50,000: what is linear takes twice as long.</summary>
/// <param name="what">"load", "filters", "order" or "drawing".</param>
internal sealed class MomentScale(string what) : IBench
{
    private const int Many = 100_000;

    private (string Directory, MomentTree Tree) _whole, _half;

    public string Subject => $"{what} of {Many} moments beside half of them";

    public string OurWay => $"{Many} moments";

    public string TheirWay => $"{Many / 2} moments: linear is 2.0";

    public Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        _whole = Make(Path.Combine(scratch, "whole"), Many);
        _half = Make(Path.Combine(scratch, "half"), Many / 2);
        return Task.FromResult<string?>(null);
    }

    public Task OursAsync(CancellationToken cancellation) => Repeat(_whole);

    public Task TheirsAsync(CancellationToken cancellation) => Repeat(_half);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // What takes milliseconds is done often: else one of the two would meet the garbage collector, and the other not.
    private Task Repeat((string Directory, MomentTree Tree) sample)
    {
        for (int times = what is "order" or "drawing" ? 20 : 1; times > 0; times--)
            Work(sample);
        return Task.CompletedTask;
    }

    private void Work((string Directory, MomentTree Tree) sample)
    {
        switch (what)
        {
            case "load":
                new MomentStore(sample.Directory).Load(failure => throw failure).Tree(out _);
                break;
            case "filters":
                MomentKey root = sample.Tree.Roots[0].Key;
                foreach (MomentFilter filter in (MomentFilter[])[
                    new(), new() { Roots = true }, new() { Leaves = true }, new() { NoLeaves = true }, new() { Current = true }, new() { NoCurrent = true }, new() { Metadata = true },
                    new() { NoMetadata = true }, new() { From = root }, new() { From = root, Descendants = true }, new() { Kind = MomentKind.Snapshot }, new() { Names = ["s*7"] },
                    new() { Online = true }, new() { Offline = true }, new() { DiskOnly = true }, new() { Internal = true }, new() { External = true }])
                    filter.Apply(sample.Tree);
                break;
            case "order":
                new MomentFilter { Topological = true }.Apply(sample.Tree);
                break;
            default:
                MomentTreeDrawing.Draw(sample.Tree, DateTimeOffset.UnixEpoch);
                break;
        }
    }

    private (string Directory, MomentTree Tree) Make(string directory, int count)
    {
        if (what == "load")
        {
            string folder = Path.Combine(directory, "snapshots");
            Directory.CreateDirectory(folder);
            for (int number = 0; number < count; number++)
                File.WriteAllText(Path.Combine(folder, $"s{number}.xml"), $"<domainsnapshot><name>s{number}</name><state>shutoff</state>{(number == 0 ? "" : $"<parent><name>s{number - 1}</name></parent>")}<creationTime>{number}</creationTime></domainsnapshot>\n");
            return (directory, MomentTree.Empty);
        }

        IEnumerable<Moment> moments = Enumerable.Range(0, count).Select(number => new Moment
        {
            Kind = MomentKind.Snapshot,
            Name = $"s{number}",
            Id = $"{number}",
            Parent = number == 0 ? null : new MomentKey(MomentKind.Snapshot, $"s{(number % 2 == 0 ? number - 1 : number / 2)}"),
            Created = DateTimeOffset.FromUnixTimeSeconds(number),
            State = (SnapshotState)(number % 4),
            Location = (SnapshotLocation)(number % 2),
        });
        return (directory, MomentTree.Build(moments, new Dictionary<string, MomentKey>(), out _));
    }
}
