using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>The present state of a branch's disks is one fact in one place, and what a branch says beside is there.</summary>
internal static class BranchCheck
{
    /// <returns>The disks of which it is not certain what is recorded on them now.</returns>
    public static IReadOnlySet<string> Run(string directory, DomainMoments state, FindingList findings)
    {
        HashSet<string> ambiguous = new(StringComparer.Ordinal);
        foreach (string branch in state.BranchNames.Where(branch => !state.BrokenBranches.Contains(branch)))
        {
            string path = Path.Combine(directory, "branches", branch + ".xml");
            foreach (string disk in Doubled(path))
            {
                findings.Add(FindingIds.CurrentAmbiguous, FindingList.Error,
                    $"Two entries of '{path}' claim to be the present state of disk '{disk}': which moment is current is not certain.",
                    $"'{findings.Repair}' keeps the one whose mark is in the image.", disk: disk, file: path);
                ambiguous.Add(disk);
            }
        }

        foreach (Branch branch in state.Branches.Values.OrderBy(branch => branch.Name, StringComparer.Ordinal))
            Check(branch, state, findings);
        CheckMemory(state, findings);
        string[] active = [.. state.Moments.Values.Where(moment => moment.Document is SnapshotDocument { Active: true }).Select(moment => moment.Key.Name).Order(StringComparer.Ordinal)];
        if (active.Length > 1)
            findings.Add(FindingIds.CurrentAmbiguous, FindingList.Warning,
                $"The files of {FindingList.Listed(active)} all claim to be the current moment (<active>1</active>).", $"'Set-VMMoment {findings.Vm} NAME -Current' says which one is.", active[0]);
        return ambiguous;
    }

    /// <summary>Whether a moment that a branch names is not there. Of one whose file is broken that is told already.</summary>
    public static bool IsGone(DomainMoments state, MomentKey? key) => key is not null && !state.Moments.ContainsKey(key) && !state.Broken.Contains(key);

    private static IEnumerable<string> Doubled(string path) => !File.Exists(path) ? []
        : XmlSource.ReadFile(path).Root!.Elements(TrackingXml.Name("disk")).Select(disk => disk.Attribute("name")?.Value ?? "")
            .GroupBy(name => name, StringComparer.Ordinal).Where(group => group.Count() > 1).Select(group => group.Key);

    private static void Check(Branch branch, DomainMoments state, FindingList findings)
    {
        string? name = branch.IsHidden ? null : branch.Name;
        if (IsGone(state, branch.Start))
            findings.Add(FindingIds.BranchStartMissing, FindingList.Warning,
                $"The snapshot '{branch.Start!.Name}', at which branch '{branch.Name}' began, is not there. The branch itself is whole.", $"'{findings.Repair}' forgets where it began.", branch.Start.Name, branch: name);
        // Of the active one the tree tells.
        if (branch.Name != state.ActiveBranch && IsGone(state, branch.Current))
            findings.Add(FindingIds.CurrentMissing, FindingList.Warning,
                $"The moment that was set as the current one of branch '{branch.Name}', '{branch.Current!.Name}', is not there.", $"'{findings.Repair}' makes the nearest moment current that is there.", branch.Current.Name, branch: name);
        if (branch.Memory is { } memory && !File.Exists(memory))
            findings.Add(FindingIds.MemoryMissing, FindingList.Warning,
                $"The memory of the machine as it was when branch '{branch.Name}' was left is not there: '{memory}'.", "Put the file back; without it the machine cannot go on there, but only be started as after a power cut.", branch: name, layer: memory);
    }

    private static void CheckMemory(DomainMoments state, FindingList findings)
    {
        foreach (StoredMoment moment in state.Moments.Values)
            if (moment.Document is SnapshotDocument { Memory: { Mode: SnapshotMode.External, File: { } memory } } && !File.Exists(memory))
                findings.Add(FindingIds.MemoryMissing, FindingList.Warning,
                    $"The memory of snapshot '{moment.Key.Name}' is not there: '{memory}'.", "Put the file back; without it the snapshot's disks can be gone back to, but not the running machine.", moment.Key.Name, layer: memory);
    }
}
