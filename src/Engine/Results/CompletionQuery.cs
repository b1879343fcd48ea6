namespace MomentTools;

/// <summary>Which names completion asks for.</summary>
public sealed record CompletionQuery
{
    /// <summary>The machines, by names and wildcard patterns; empty for all.</summary>
    public IReadOnlyList<string> VM { get; init; } = [];

    /// <summary>Which names are wanted; of the others nothing is looked at.</summary>
    public Func<string, bool> Wanted { get; init; } = _ => true;

    /// <summary>Names that are given already, and not offered again.</summary>
    public IReadOnlyCollection<string> Without { get; init; } = [];

    /// <summary>Of moments: "Checkpoint" or "Snapshot", or null for both.</summary>
    public string? Kind { get; init; }

    /// <summary>Of moments: whether each is named with its kind in front, "checkpoint:NAME" or "snapshot:NAME". Else that is so where two share a name.</summary>
    public bool WithKind { get; init; }

    internal bool Takes(string name) => Wanted(name) && !Without.Contains(name, StringComparer.Ordinal);
}
