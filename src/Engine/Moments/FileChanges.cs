namespace MomentTools.Moments;

/// <summary>What is written to a domain's directory as one: relative path and new content, null to delete the file.</summary>
internal sealed record FileChanges(IReadOnlyDictionary<string, string?> Files)
{
    public static FileChanges None { get; } = new(new Dictionary<string, string?>(StringComparer.Ordinal));
}
