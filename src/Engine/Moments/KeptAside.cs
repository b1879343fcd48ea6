namespace MomentTools.Moments;

/// <summary>What a restore or a removal discarded, and Undo brings back until it expires.</summary>
/// <param name="Id">Unique in the domain, and the name of its file.</param>
/// <param name="Operation">The name of the cmdlet that discarded it.</param>
/// <param name="Since">When that was.</param>
/// <param name="Until">When the next changing command may let it go.</param>
/// <param name="Branch">The hidden branch that has the tip which was left or removed; null where none was.</param>
/// <param name="BranchName">The name of that branch before, or of the one whose tip it was.</param>
/// <param name="Files">The files of the removed moments: path relative to the domain's directory, and content.</param>
internal sealed record KeptAside(
    string Id, string Operation, DateTimeOffset Since, DateTimeOffset Until, string? Branch, string? BranchName, IReadOnlyDictionary<string, string> Files)
{
    /// <summary>Moments that stayed, each with the parent it had before the removal; Undo gives it back.</summary>
    public IReadOnlyDictionary<MomentKey, MomentKey> Parents { get; init; } = new Dictionary<MomentKey, MomentKey>();

    /// <summary>Branches that stayed, each with the removed snapshot it began at.</summary>
    public IReadOnlyDictionary<string, MomentKey> Starts { get; init; } = new Dictionary<string, MomentKey>(StringComparer.Ordinal);
}
