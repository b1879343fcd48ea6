using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Snapshots;

/// <summary>Where disks are to go inside their images, and what becomes of the tips they leave.</summary>
/// <param name="Snapshots">By disk, the snapshot to be loaded.</param>
/// <param name="Branch">The branch that is active afterwards; null: of each disk the one that is.</param>
/// <param name="Start">The snapshot at which a new tip of that branch begins; null: the branch's saved tip is loaded.</param>
/// <param name="LeftBranch">The branch that gets the tip which is left, if it is kept; null: it stays its branch's.</param>
/// <param name="KeepTag">The tag that what is left is saved under; null: it is given up.</param>
internal sealed record TurnTarget(
    IReadOnlyDictionary<string, Qcow2Snapshot> Snapshots, string? Branch, MomentKey? Start, string? LeftBranch, string? KeepTag);
