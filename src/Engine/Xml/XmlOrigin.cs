namespace MomentTools.Xml;

/// <summary>Where a document comes from, which decides what is tolerated in it.</summary>
internal enum XmlOrigin
{
    /// <summary>Given by a user or imported: nothing that libvirt does not know.</summary>
    User,

    /// <summary>From the store: our own element is read, and elements of a newer version are kept.</summary>
    Store,
}
