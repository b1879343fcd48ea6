using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>A moment as its file has it: libvirt's document, and what libvirt has no word for.</summary>
/// <param name="Key">Kind and name.</param>
/// <param name="Id">Unique in the domain, never used again.</param>
/// <param name="Document">libvirt's document; its parent is the domain-level one.</param>
/// <param name="Parent">The parent with its kind, or null.</param>
/// <param name="Created">When it was taken, to the tick: libvirt's document has whole seconds.</param>
/// <param name="Repository">The backup repository it was made for, or null.</param>
internal sealed record StoredMoment(MomentKey Key, string Id, MomentDocument Document, MomentKey? Parent, DateTimeOffset Created, string? Repository)
{
    /// <summary>The id of the group that it was made with, on several machines at once, or null.</summary>
    public string? Group { get; init; }

    /// <summary>
    /// False where only the head of the file was read: the document then lacks its domain and all that stands behind it, which
    /// <see cref="MomentStore.LoadWhole"/> fetches, and <see cref="MomentStore.Difference"/> before the file is written anew.
    /// </summary>
    public bool Whole { get; init; } = true;

    /// <summary>The same moment below another one, or as a root.</summary>
    public StoredMoment Under(MomentKey? parent) => this with { Parent = parent, Document = Document with { ParentName = parent?.Name } };
}
