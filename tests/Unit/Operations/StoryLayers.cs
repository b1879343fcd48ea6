using MomentTools.Moments;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Reads what can be gone back to out of the images themselves, with qemu-img: each snapshot on each disk it covers, and each branch that was
/// left. Where it lies is the metadata's word; what must be there is the oracle's.
/// </summary>
internal sealed class StoryLayers(TestMachine machine, IReadOnlyList<StoryDisk> disks, StoryCounts counts)
{
    // What was read last, from files that are as they were.
    private readonly Dictionary<(string Path, string? Tag), (string Files, byte[] Content)> _read = [];

    /// <param name="snapshots">The snapshots by name, and whether each is inside the images.</param>
    public void Check(IReadOnlyDictionary<string, bool> snapshots)
    {
        DomainMoments state = new MomentStore(machine.StateDirectory).Load(failure => throw failure);
        foreach (StoryDisk disk in disks)
        {
            DiskTracking tracking = state.Disk(disk.Name);
            foreach ((string name, StoryMoment moment) in disk.Moments.Where(moment => snapshots.ContainsKey(moment.Key)))
            {
                var key = new MomentKey(MomentKind.Snapshot, name);
                TrackingPoint point = tracking.Points.Values.Single(one => one.Moment == key);
                TrackingLayer layer = tracking.Layers[point.LayerId];
                bool inside = snapshots[name];
                Assert.True(inside || layer.FrozenTop == point.Id, $"the layer of '{name}' on {disk.Name}, {layer.Path}, is not known to hold it: its top is {layer.FrozenTop}, the moment {point.Id}");
                CheckContent(moment.Content, tracking, layer, inside ? name : null, $"snapshot '{name}' on {disk.Name}");
            }

            foreach ((string branch, StoryLine line) in disk.Lines.Where(line => line.Key != disk.Branch))
            {
                Assert.True(tracking.Tips.TryGetValue(branch, out TrackingTip? tip), $"{disk.Name} has no tip of branch '{branch}'");
                CheckContent(line.Content, tracking, tracking.Layers[tip.LayerId], tip.Saved, $"branch '{branch}' of {disk.Name}");
            }
        }
    }

    private void CheckContent(byte[] expected, DiskTracking tracking, TrackingLayer layer, string? tag, string what)
    {
        string files = Files(tracking, layer);
        if (!_read.TryGetValue((layer.Path, tag), out (string Files, byte[] Content) last) || last.Files != files)
            last = _read[(layer.Path, tag)] = (files, machine.Content(layer.Path, tag));
        // qemu-img reads a snapshot inside an image to the size that the image has now.
        if (tag is not null)
            expected = expected[..Math.Min(expected.Length, last.Content.Length)];
        Assert.True(tag is not null || expected.Length == last.Content.Length, $"{what}: {last.Content.Length} bytes for {expected.Length} in {layer.Path}");
        int at = expected.AsSpan().CommonPrefixLength(last.Content);
        Assert.True(at == expected.Length, $"{what} in {layer.Path} is not what it was: differs from offset {at} (block {at / StoryDisk.Grain}) on");
        counts.StatesRead++;
    }

    // All that the content can depend on: each file's change is to be seen.
    private static string Files(DiskTracking tracking, TrackingLayer layer)
    {
        List<string> files = [];
        for (TrackingLayer? at = layer; at is not null; at = at.BackingId is { } below ? tracking.Layers.GetValueOrDefault(below) : null)
        {
            var file = new FileInfo(at.Path);
            files.Add($"{at.Path} {file.Length} {file.LastWriteTimeUtc.Ticks}");
        }

        return string.Join('\n', files);
    }
}
