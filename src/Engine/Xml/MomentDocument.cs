using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>What libvirt's documents of checkpoints and snapshots have in common (formatcheckpoint, formatsnapshot).</summary>
internal abstract record MomentDocument
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? ParentName { get; init; }

    /// <summary>Seconds since 1970 in UTC.</summary>
    public long? CreationTime { get; init; }

    /// <summary>The domain as it was at the moment.</summary>
    public DomainDocument? Domain { get; init; }

    /// <summary>The one element of ours (<c>&lt;mt:moment&gt;</c>), kept as it is; only in files of the store.</summary>
    public XElement? Extension { get; init; }

    /// <summary>Elements that this version does not know; only in files of the store, where they survive.</summary>
    public IReadOnlyList<XElement> Unknown { get; init; } = [];

    /// <summary>The disks that the document names, in its order.</summary>
    public abstract IReadOnlyList<string> DiskNames { get; }

    /// <summary>The text of the document in libvirt's order; without the extension it keeps to libvirt's schema.</summary>
    /// <param name="includeDomain">With the definition of the domain.</param>
    /// <param name="secure">With the secrets of the domain.</param>
    /// <param name="includeExtension">With everything of ours, as files of the store have it.</param>
    /// <param name="sizes">Bytes by disk for the attribute <c>size</c> of a checkpoint's disk, which is output only.</param>
    public string ToXml(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null) =>
        XmlOutput.Write(ToElement(includeDomain, secure, includeExtension, sizes), $"moment '{Name}'");

    /// <summary>The document as <see cref="ToXml"/> writes it, to be put into a larger one.</summary>
    public abstract XElement ToElement(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null);
}
