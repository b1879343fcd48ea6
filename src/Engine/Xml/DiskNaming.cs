using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>
/// Which disk of a domain a name means, as libvirt has it: by the target, or by a path that is the source of exactly one disk.
/// </summary>
internal static class DiskNaming
{
    /// <summary>The disk, or null where none or more than one is meant.</summary>
    public static DomainDisk? Find(string name, DomainDocument domain) =>
        domain.FindDisk(name) ?? (domain.Disks.Where(disk => string.Equals(disk.SourcePath, name, StringComparison.Ordinal)).ToArray() is [var only] ? only : null);

    /// <summary>The disk.</summary>
    /// <exception cref="MomentException"><c>DiskNotInDomain</c>: none or more than one is meant.</exception>
    public static DomainDisk Require(string name, DomainDocument domain) => Find(name, domain) ?? throw Unknown(name, domain);

    /// <summary>What a document says of disks, by their targets.</summary>
    /// <param name="document">What the message calls the document: <c>Checkpoint 'monday'</c>.</param>
    /// <exception cref="MomentException"><c>DiskNamedTwice</c>, <c>DiskNotInDomain</c>.</exception>
    public static Dictionary<string, T> ByTarget<T>(string document, IEnumerable<T> disks, Func<T, string> nameOf, DomainDocument domain)
    {
        Dictionary<string, T> given = new(StringComparer.Ordinal);
        foreach (T disk in disks)
        {
            string target = Require(nameOf(disk), domain).Target;
            if (!given.TryAdd(target, disk))
                throw new MomentException(XmlErrors.DiskNamedTwice, $"{document} names the disk '{target}' twice.", target, "Name each disk once, by its target or by its path.");
        }

        return given;
    }

    /// <summary>The error for a disk that the domain does not have; it lists those it has.</summary>
    public static MomentException Unknown(string name, DomainDocument domain) =>
        new(XmlErrors.DiskNotInDomain, $"Domain '{domain.Name}' has no disk {XmlErrors.Quote(name)}.", name, domain.Disks.Count == 0 ? "The domain has no disks at all." : $"Its disks are {string.Join(", ", domain.Disks.Select(disk => disk.Target))}.");
}
