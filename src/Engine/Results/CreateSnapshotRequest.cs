namespace MomentTools;

/// <summary>What a new snapshot shall be.</summary>
public sealed record CreateSnapshotRequest
{
    /// <summary>The name, or null for one made of the time.</summary>
    public string? Name { get; init; }

    /// <summary>The user's words about it.</summary>
    public string? Description { get; init; }

    /// <summary>The disks to cover; empty means every disk that the guest can write to.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>Leave the memory of a running machine out.</summary>
    public bool DiskOnly { get; init; }

    /// <summary>Keep the snapshot inside the qcow2 images, in place of new layers on top of them.</summary>
    public bool Internal { get; init; }

    /// <summary>Save the memory; without this and without <see cref="DiskOnly"/> it is saved where the machine has one.</summary>
    public bool Memory { get; init; }

    /// <summary>The absolute path of the file for the memory, or null for one beside the first disk.</summary>
    public string? MemoryPath { get; init; }

    /// <summary>Let the guest work on while its memory is saved.</summary>
    public bool Live { get; init; }

    /// <summary>Leave the machine stopped: it does nothing after the instant of the snapshot.</summary>
    public bool Halt { get; init; }

    /// <summary>Have the guest's agent freeze the file systems for the instant; where that cannot be done, nothing is.</summary>
    public bool Quiesce { get; init; }

    /// <summary>Take files that are there already as the new layers, after a check that each is empty and fits.</summary>
    public bool ReuseExternal { get; init; }

    /// <summary>The absolute path of the new layer by disk; disks that are not in it get a name beside their image.</summary>
    public IReadOnlyDictionary<string, string> Overlays { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How the names of the new files begin that are not given: with a '/', their place too.</summary>
    public string? Prefix { get; init; }

    /// <summary>Take the snapshot, but keep no moment that names it.</summary>
    public bool NoMetadata { get; init; }

    /// <summary>A <c>&lt;domainsnapshot&gt;</c> document instead of name, description, disks and paths, or null.</summary>
    public string? Xml { get; init; }

    /// <summary>The file with the document, in place of <see cref="Xml"/>, or null.</summary>
    public string? XmlPath { get; init; }

    /// <summary>Take the document as the description of a snapshot that is there already; nothing is done to the machine.</summary>
    public bool Redefine { get; init; }

    /// <summary>With <see cref="Redefine"/>: make it the current moment.</summary>
    public bool Current { get; init; }

    /// <summary>Whether the owner of a machine that was attached accepts that it works on other files from now on.</summary>
    public bool AcceptOwner { get; init; }
}
