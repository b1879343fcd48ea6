namespace MomentTools.Moments;

/// <summary>Where a branch ends on one disk.</summary>
/// <param name="Branch">The branch's name.</param>
/// <param name="Disk">The disk.</param>
/// <param name="Moment">The moment that the branch's content descends from on this disk.</param>
/// <param name="IsNow">Whether the machine writes there.</param>
internal sealed record MomentTreeTip(string Branch, string Disk, MomentKey Moment, bool IsNow);
