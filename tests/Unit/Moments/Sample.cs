using MomentTools.Moments;

namespace MomentTools.Tests.Moments;

/// <summary>Moments in few words.</summary>
internal static class Sample
{
    public static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static MomentKey Checkpoint(string name) => new(MomentKind.Checkpoint, name);

    public static MomentKey Snapshot(string name) => new(MomentKind.Snapshot, name);

    /// <param name="at">Minutes after <see cref="Start"/>.</param>
    public static Moment Of(MomentKey key, MomentKey? parent = null, int at = 0) =>
        new() { Kind = key.Kind, Name = key.Name, Id = key.ToString(), Parent = parent, Created = Start.AddMinutes(at) };

    public static MomentTree TreeOf(IEnumerable<Moment> moments, params (string Disk, MomentKey Moment)[] current)
    {
        var tree = MomentTree.Build(moments, current.ToDictionary(pair => pair.Disk, pair => pair.Moment), out IReadOnlyList<MomentTreeFault> faults);
        Assert.Empty(faults);
        return tree;
    }
}
