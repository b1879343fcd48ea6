using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Serving;

/// <summary>Which of a machine's block snapshots names and patterns mean.</summary>
internal static class BlockSnapshotSelection
{
    public static IReadOnlyList<VMBlockSnapshot> Of(DomainPlace place, IReadOnlyList<string> names, IReadOnlyList<VMBlockSnapshot> all, IOperationReport report)
    {
        if (names.Count == 0)
            return all;
        // One whose record is broken is there, and its record was told.
        HashSet<string> known = new(new ServiceRecords(place.StateDirectory).SnapshotNames, StringComparer.Ordinal);
        // One name that means nothing is told; the others are listed all the same.
        foreach (string name in names.Where(name => !NamePattern.IsPattern(name) && !known.Contains(name) && all.All(snapshot => snapshot.Name != name)))
            report.Failure(ServingErrors.NotFound(place.Name, name, [.. all.Select(snapshot => snapshot.Name)]));
        return [.. all.Where(snapshot => names.Any(name => NamePattern.IsMatch(name, snapshot.Name)))];
    }
}
