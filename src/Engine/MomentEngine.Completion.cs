using MomentTools.Operations;

namespace MomentTools;

/// <summary>Names for completion: from local files alone, without a connection to anything; they never throw.</summary>
public sealed partial class MomentEngine
{
    /// <summary>Names of machines; those of the query are not looked at.</summary>
    public IReadOnlyList<CompletionItem> CompleteDomains(CompletionQuery query) => _completion.Domains(query);

    /// <summary>Names of moments.</summary>
    public IReadOnlyList<CompletionItem> CompleteMoments(CompletionQuery query) => _completion.Moments(query);

    /// <summary>Names of moments from which it can be told what changed.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="other">The moment at the other end, or null.</param>
    /// <param name="now">Whether the other end is the present state.</param>
    public IReadOnlyList<CompletionItem> CompleteComparableMoments(CompletionQuery query, string? other, bool now) => _completion.Comparable(query, other, now);

    /// <summary>Names of snapshots that layers above can be merged into.</summary>
    public IReadOnlyList<CompletionItem> CompleteMergeableSnapshots(CompletionQuery query) => _completion.Mergeable(query);

    /// <summary>Names of disks.</summary>
    public IReadOnlyList<CompletionItem> CompleteDisks(CompletionQuery query) => _completion.Disks(query);

    /// <summary>Names of bitmaps in the images that belong to no moment, as the images had them when they were last closed.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="disks">The disks; empty for all.</param>
    /// <param name="adoptable">Only those that record, and can become checkpoints.</param>
    public IReadOnlyList<CompletionItem> CompleteBitmaps(CompletionQuery query, IReadOnlyList<string> disks, bool adoptable) => _completion.Bitmaps(query, disks, adoptable);

    /// <summary>Names of branches.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="elsewhere">Only those that the machine is not on.</param>
    public IReadOnlyList<CompletionItem> CompleteBranches(CompletionQuery query, bool elsewhere) => _completion.Branches(query, elsewhere);

    /// <summary>Names of block snapshots.</summary>
    public IReadOnlyList<CompletionItem> CompleteBlockSnapshots(CompletionQuery query) => _completion.BlockSnapshots(query);

    /// <summary>Names of block exports.</summary>
    public IReadOnlyList<CompletionItem> CompleteExportNames(CompletionQuery query) => _completion.ExportNames(query);

    /// <summary>Addresses where block exports are served.</summary>
    public IReadOnlyList<CompletionItem> CompleteExportAddresses(CompletionQuery query) => _completion.ExportAddresses(query);

    /// <summary>Ids of what Undo-VMSnapshot can bring back, the last first.</summary>
    public IReadOnlyList<CompletionItem> CompleteKept(CompletionQuery query) => _completion.Kept(query);

    /// <summary>Ids of backups, the newest first, from a repository's directories and the heads of its manifests.</summary>
    /// <param name="repository">The repository's directory.</param>
    /// <param name="query">What is asked for; its machines as they are named now, or were when they were backed up.</param>
    /// <param name="standing">Only those that stand on another one.</param>
    /// <param name="beneath">Only those that this one stands on, directly or not; null for all.</param>
    public IReadOnlyList<CompletionItem> CompleteBackups(string repository, CompletionQuery query, bool standing = false, string? beneath = null) =>
        MomentCompletion.Backups(repository, query, standing, beneath);

    /// <summary>Names of the disks that backups have, from a repository's directories and the heads of its manifests.</summary>
    /// <param name="repository">The repository's directory.</param>
    /// <param name="query">What is asked for; its machines as they are named now, or were when they were backed up.</param>
    /// <param name="ids">The backups.</param>
    /// <param name="newest">What is meant where there are no ids: the newest of each machine, or all.</param>
    public IReadOnlyList<CompletionItem> CompleteBackupDisks(string repository, CompletionQuery query, IReadOnlyList<string> ids, bool newest) =>
        MomentCompletion.BackupDisks(repository, query, ids, newest);
}
