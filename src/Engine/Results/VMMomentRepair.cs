using MomentTools.Errors;

namespace MomentTools;

/// <summary>What Repair-VMMoment does, or would do, about one finding.</summary>
public sealed record VMMomentRepair
{
    /// <summary>The finding.</summary>
    public required VMMomentFinding Finding { get; init; }

    /// <summary>The machine's name.</summary>
    public string VM => Finding.VM;

    /// <summary>The finding's id.</summary>
    public string Id => Finding.Id;

    /// <summary>The moment it is about, or null.</summary>
    public string? Moment => Finding.Moment;

    /// <summary>The disk it is about, or null.</summary>
    public string? Disk => Finding.Disk;

    /// <summary>What is done about it: whole sentences.</summary>
    public required string Action { get; init => field = MomentException.Printable(value); }

    /// <summary>Whether it is left as it is, because only a person can decide.</summary>
    public bool Left { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Action;
}
