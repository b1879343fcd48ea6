namespace MomentTools.Moments;

/// <summary>What <c>disks.xml</c> and the files of branches and of what is kept say; points of moments are in the moments' own files.</summary>
/// <param name="ActiveBranch">The branch that the machine works on.</param>
/// <param name="Disks">The disks with layers, ghosts and tips.</param>
/// <param name="Branches">The branches, the active one among them.</param>
/// <param name="Broken">The names of branches, and ids of what is kept, whose files could not be used.</param>
/// <param name="Kept">What is kept for Undo, the oldest first.</param>
/// <param name="Nearest">For the active tip of each disk that says so the moment of the point above.</param>
internal sealed record StoredTracking(
    string ActiveBranch, Dictionary<string, DiskTracking> Disks, Dictionary<string, Branch> Branches, HashSet<string> Broken, IReadOnlyList<KeptAside> Kept,
    Dictionary<string, MomentKey> Nearest)
{
    public DomainMoments ToMoments() => new() { ActiveBranch = ActiveBranch, Branches = Branches, BrokenBranches = Broken, Kept = Kept, Disks = Disks };
}
