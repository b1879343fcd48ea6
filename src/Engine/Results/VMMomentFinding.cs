using MomentTools.Errors;

namespace MomentTools;

/// <summary>One thing in which a machine's metadata, its images, and what QEMU says do not agree. One cause gives one finding.</summary>
public sealed record VMMomentFinding
{
    /// <summary>What kind of difference it is: a stable word, part of the product's contract.</summary>
    public required string Id { get; init; }

    /// <summary>"Error": something is lost or cannot be used. "Warning": it will be, or may be. "Information": nothing is harmed.</summary>
    public required string Severity { get; init; }

    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The moment it is about, or null.</summary>
    public string? Moment { get; init; }

    /// <summary>The branch it is about, or null.</summary>
    public string? Branch { get; init; }

    /// <summary>The disk it is about, or null.</summary>
    public string? Disk { get; init; }

    /// <summary>The image it is about, as a path, or null.</summary>
    public string? Layer { get; init; }

    /// <summary>The file of the metadata it is about, as a path, or null.</summary>
    public string? File { get; init; }

    /// <summary>The bitmaps in the image that it is about, by name.</summary>
    public IReadOnlyList<string> Bitmaps { get; init => field = Indexed.Of(value); } = [];

    /// <summary>What is wrong, and what follows from it: whole sentences.</summary>
    public required string Text { get; init => field = MomentException.Printable(value); }

    /// <summary>What to do, with the command that does it: whole sentences.</summary>
    public required string Remedy { get; init => field = MomentException.Printable(value); }

    /// <inheritdoc/>
    public override string ToString() => Text;
}
