namespace MomentTools.Moments;

/// <summary>A line of work on a domain: where it began, and what is known of its tips, which each disk's tracking has.</summary>
/// <param name="Name">Its name, also that of its file.</param>
internal sealed record Branch(string Name)
{
    /// <summary>How the names of branches begin that nobody gave: what a restore left is one, for Undo alone.</summary>
    public const string HiddenPrefix = "mt-";

    /// <summary>The snapshot it began at; null for the first one, and where that snapshot was removed.</summary>
    public MomentKey? Start { get; init; }

    public DateTimeOffset? Created { get; init; }

    public string? Description { get; init; }

    /// <summary>The moment that was declared to be the one that the branch's content descends from; null: each disk's tracking says it.</summary>
    public MomentKey? Current { get; init; }

    /// <summary>The file with the machine's memory at the branch's tip, or null.</summary>
    public string? Memory { get; init; }

    /// <summary>Whether it was left while its guest ran and its memory was not kept: the disks are as after a power cut.</summary>
    public bool Running { get; init; }

    public bool IsHidden => IsHiddenName(Name);

    public static bool IsHiddenName(string name) => name.StartsWith(HiddenPrefix, StringComparison.Ordinal);
}
