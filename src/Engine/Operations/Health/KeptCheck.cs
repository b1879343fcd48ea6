using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>Holds what is kept for Undo against the trees: a record that leads nowhere brings nothing back. Pure.</summary>
internal static class KeptCheck
{
    /// <summary>Tells of records that lead nowhere, and of points that no record brings back.</summary>
    /// <param name="directory">The domain's state directory.</param>
    /// <param name="state">The moments.</param>
    /// <param name="findings">Where the findings go.</param>
    public static void Run(string directory, DomainMoments state, FindingList findings)
    {
        foreach (KeptAside kept in state.Kept)
            if (Trouble(state, kept) is { } trouble)
                findings.Add(FindingIds.KeptLost, FindingList.Warning,
                    $"What {kept.Operation} discarded at {kept.Since.ToUniversalTime():u} cannot be brought back: {trouble}.",
                    $"'{findings.Repair}' takes the record out; its images go with the next command that collects what nobody needs.", file: Path.Combine(directory, "kept", kept.Id + ".xml"));
        if (state.BrokenBranches.Count > 0)
            return;
        foreach ((string disk, IReadOnlyList<string> points) in Orphans(state))
            findings.Add(FindingIds.KeptLost, FindingList.Warning,
                $"Disk '{disk}' keeps {(points.Count == 1 ? "the point of a removed moment" : $"the points of {points.Count} removed moments")} for Undo, of which there is no record any more.",
                $"'{findings.Repair}' lets {(points.Count == 1 ? "it" : "them")} go.", disk: disk);
    }

    /// <summary>The same state without records that lead nowhere, and without points that nothing brings back.</summary>
    public static DomainMoments Repaired(DomainMoments state)
    {
        DomainMoments next = state.Kept.Where(kept => Trouble(state, kept) is not null).Aggregate(state, (one, kept) => one.WithoutKept(kept.Id));
        return Orphans(next).Aggregate(next, (one, orphan) => one.With(one.Disk(orphan.Disk).LetGo(orphan.Points)));
    }

    private static string? Trouble(DomainMoments state, KeptAside kept)
    {
        if (kept.Branch is { } branch && !state.BranchNames.Contains(branch, StringComparer.Ordinal) && !state.BrokenBranches.Contains(branch))
            return "the branch that has it is gone";
        foreach (string path in kept.Files.Keys)
        {
            if (Parsed(kept, path) is not { } content)
                return $"the record of '{path}' in it cannot be read";
            if (content.Points.Any(point => state.Disks.GetValueOrDefault(point.Key)?.Points.GetValueOrDefault(point.Value.Id) is not { Kept: true }))
                return $"the place of '{content.Moment.Key.Name}' in the tree of a disk is gone";
        }

        return null;
    }

    private static IEnumerable<(string Disk, IReadOnlyList<string> Points)> Orphans(DomainMoments state)
    {
        HashSet<(string Disk, string Point)> known = [.. state.Kept.SelectMany(kept => kept.Files.Keys.Select(path => Parsed(kept, path))).OfType<MomentFileContent>()
            .SelectMany(content => content.Points.Select(point => (point.Key, point.Value.Id)))];
        return state.Disks.Values.Select(disk => (disk.Disk, Points: (IReadOnlyList<string>)[.. disk.Points.Values.Where(point => point.Kept && !known.Contains((disk.Disk, point.Id))).Select(point => point.Id)]))
            .Where(disk => disk.Points.Count > 0);
    }

    private static MomentFileContent? Parsed(KeptAside kept, string path)
    {
        try
        {
            return MomentFile.Parse(path, kept.Files[path]);
        }
        catch (MomentException)
        {
            // That is what is asked.
            return null;
        }
    }
}
