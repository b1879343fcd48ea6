namespace MomentTools;

/// <summary>A named point in time of a virtual machine: the base of checkpoints and snapshots.</summary>
public abstract record VMMoment
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The moment's name.</summary>
    public required string Name { get; init; }

    /// <summary>"Checkpoint" or "Snapshot".</summary>
    public abstract string Kind { get; }

    /// <summary>The parent's name, or null for a root.</summary>
    public string? Parent { get; init; }

    /// <summary>When it was taken; null for one that is known from the images alone.</summary>
    public required DateTimeOffset? Created { get; init; }

    /// <summary>Whether the machine's present state descends directly from it, on every disk it covers.</summary>
    public bool Current { get; init; }

    /// <summary>The user's words about it.</summary>
    public string? Description { get; init; }

    /// <summary>The backup repository it belongs to, or null: made by the user.</summary>
    public string? Repository { get; init; }

    /// <summary>The disks of the machine at that moment.</summary>
    public IReadOnlyList<VMMomentDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <summary>"OK", or in few words what is wrong with the worst disk.</summary>
    public string Health => Disks.Select(disk => disk.Problem).FirstOrDefault(problem => problem is not null) ?? "OK";

    /// <summary>The line of the tree drawing that this moment stands on; only with -Tree.</summary>
    public string? Tree { get; init; }

    /// <inheritdoc/>
    public sealed override string ToString() => Name;
}
