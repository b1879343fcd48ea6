using MomentTools.Errors;

namespace MomentTools;

/// <summary>A disk of a virtual machine.</summary>
public sealed record VMDisk
{
    /// <summary>The disk's name: its target device, as in <c>&lt;target dev='vda'/&gt;</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The file or block device of the active layer.</summary>
    public string? Path { get; init; }

    /// <summary>The format of the active layer, as the definition says it.</summary>
    public string? Format { get; init; }

    /// <summary>The virtual size in bytes, where it could be read.</summary>
    public long? Size { get; init; }

    /// <summary>Whether changed blocks can be tracked on it.</summary>
    public bool Trackable { get; init; }

    /// <summary>Why changed blocks cannot be tracked, or null.</summary>
    public string? Reason { get; init => field = MomentException.Printable(value); }

    /// <summary>Whether what changes on it is known now: what the next backup can be.</summary>
    public VMDiskTracking Tracking { get; init; }

    /// <summary>The same in plain words, with the reason and since when.</summary>
    public string? TrackingReason { get; init => field = MomentException.Printable(value); }

    /// <summary>The checkpoints that cover the disk, oldest first.</summary>
    public IReadOnlyList<string> Checkpoints { get; init => field = Indexed.Of(value); } = [];

    /// <summary>Where the disk is served over NBD now, as NBD clients take it; see Get-VMBlockExport.</summary>
    public IReadOnlyList<Uri> Exports { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The moment that this disk's present content descends from, or null.</summary>
    public string? Current { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
