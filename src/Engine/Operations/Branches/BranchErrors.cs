using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Branches;

/// <summary>What can be wrong with a branch that is asked for.</summary>
internal static class BranchErrors
{
    public static readonly ErrorId BranchNotFound = new("BranchNotFound", ErrorKind.NotFound);
    public static readonly ErrorId BranchExists = new("BranchExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId BranchActive = new("BranchActive", ErrorKind.InvalidState);
    public static readonly ErrorId BranchHoldsSnapshots = new("BranchHoldsSnapshots", ErrorKind.InvalidState);
    public static readonly ErrorId BranchStartUnknown = new("BranchStartUnknown", ErrorKind.InvalidState);
    public static readonly ErrorId BranchDocumentIncomplete = new("BranchDocumentIncomplete", ErrorKind.InvalidArgument);
    public static readonly ErrorId BranchStateContradicts = new("BranchStateContradicts", ErrorKind.InvalidArgument);

    public static MomentException NotFound(string vm, string name, IEnumerable<string> names)
    {
        string[] near = [.. NearNames.Find(name, names)];
        return new MomentException(
            BranchNotFound, $"'{vm}' has no branch '{name}'. Names are matched exactly, upper and lower case included.", name,
            near.Length > 0 ? $"Did you mean {string.Join(" or ", near)}?" : $"'Get-VMBranch {vm}' lists its branches.");
    }

    public static MomentException Exists(string vm, string name, string what) => new(
        BranchExists, $"Cannot {what}: '{vm}' has a branch '{name}' already.", name, "Choose another name. Nothing was changed.");

    public static MomentException Active(string vm, string name) => new(
        BranchActive, $"Cannot remove branch '{name}' of '{vm}': the machine is on it.", name, "Go to another branch first, with Switch-VMBranch.");

    public static MomentException ActiveOnDisk(string vm, string name, string disk) => new(
        BranchActive, $"Cannot remove branch '{name}' of '{vm}': disk '{disk}' is on it.", name,
        $"The snapshot that the machine went to does not cover '{disk}', which stayed where it was. Go to a branch that covers it first, with Switch-VMBranch.");

    public static MomentException HoldsSnapshots(string vm, string name, IReadOnlyList<string> snapshots) => new(
        BranchHoldsSnapshots,
        $"Cannot remove branch '{name}' of '{vm}': {(snapshots.Count == 1 ? "a snapshot is" : "snapshots are")} on it that no other branch has: {string.Join(", ", snapshots.Take(12))}{(snapshots.Count > 12 ? $" and {snapshots.Count - 12} more" : "")}.",
        name,
        "Use -Discard to remove them with it, or make a branch from the one that is to stay first (New-VMBranch -From). Nothing was removed.");

    public static MomentException StartUnknown(string vm, string branch, MomentKey snapshot, string disk, string why) => new(
        BranchStartUnknown, $"Cannot make branch '{branch}' of '{vm}': where snapshot '{snapshot.Name}' lies on disk '{disk}' is not known: {why}.", snapshot.Name,
        $"Test-VMMoment {vm} -Detailed tells what is known of it. Snapshots of another program can be described here, but not gone back to.");

    public static MomentException NotASnapshot(string vm, string branch, MomentKey moment) => new(
        BranchStartUnknown, $"Cannot make branch '{branch}' of '{vm}': '{moment.Name}' is a checkpoint, which holds no content.", moment.Name,
        "A branch begins at a snapshot: Get-VMMoment -Kind Snapshot lists them.");
}
