using MomentTools.Files;
using MomentTools.Moments;

namespace MomentTools.Operations.Metadata;

/// <summary>Collects what belongs into a document of all moments beside libvirt's part.</summary>
internal static class TrackingPacking
{
    public static TrackingPackage Make(DomainMoments all, SegmentFile segments)
    {
        DomainMoments state = WithoutKept(all);
        Dictionary<string, byte[]> sidecars = new(StringComparer.Ordinal);
        long room = TrackingPackage.MostSidecarBytes;
        foreach (string id in state.Disks.Values.SelectMany(disk => disk.Points.Values).SelectMany(point => point.Sources).Select(source => source.SavedId).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            if (ReadSmall(segments.PathOf(id), room) is not { } content)
                continue;
            sidecars.Add(id, content);
            room -= content.Length;
        }

        return new TrackingPackage(
            [.. state.Moments.Values.OrderBy(moment => moment.Created).ThenBy(moment => moment.Key.ToString(), StringComparer.Ordinal)],
            [.. state.Disks.Values.Select(disk => disk with { Points = disk.Points.ToDictionary(point => point.Key, point => Without(point.Value, sidecars), StringComparer.Ordinal) })],
            state.ActiveBranch,
            [.. state.BranchNames.Select(name => state.Branches.GetValueOrDefault(name) ?? new Branch(name)).OrderBy(branch => branch.Name, StringComparer.Ordinal)],
            sidecars);
    }

    // What is kept for Undo stays where it is: another host has not got its files, and its time is short.
    private static DomainMoments WithoutKept(DomainMoments state)
    {
        DomainMoments next = state.Kept.Select(kept => kept.Branch).OfType<string>().Where(branch => branch != state.ActiveBranch && state.Disks.Values.All(disk => disk.ActiveBranch != branch))
            .Aggregate(state, (one, branch) => one.WithoutBranch(branch));
        return next.Disks.Values.Aggregate(next, (one, disk) => one.With(disk.LetGo([.. disk.Points.Values.Where(point => point.Kept).Select(point => point.Id)])));
    }

    private static TrackingPoint Without(TrackingPoint point, Dictionary<string, byte[]> sidecars) => point with
    {
        Sources = [.. point.Sources.Select(source => source.SavedId is not { } id || sidecars.ContainsKey(id) ? source
            : source is SegmentSource.Bitmap bitmap ? bitmap with { SidecarId = null }
            : new SegmentSource.Lost("what changed was known from a saved copy, which was too large for the export"))],
    };

    private static byte[]? ReadSmall(string path, long room)
    {
        try
        {
            return new FileInfo(path) is { Exists: true } file && file.Length <= room ? File.ReadAllBytes(path) : null;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            // Its moment was removed while the export was made; then nobody asks for it any more.
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the saved segment", path);
        }
    }
}
