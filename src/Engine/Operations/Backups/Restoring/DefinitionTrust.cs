using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>Whether a backup's definition may become a machine of this host: what it wants beyond the ordinary is either known here, or granted by the user.</summary>
internal static class DefinitionTrust
{
    /// <summary>Refuses it before anything is made.</summary>
    /// <param name="catalogue">The machines that are registered here: the one of the same UUID vouches for what its own definition says.</param>
    /// <param name="backup">The backup.</param>
    /// <param name="copy">The definition as it would be registered.</param>
    /// <param name="directory">Where its own files are to lie.</param>
    /// <param name="trusted">Whether the user vouches for it.</param>
    public static void Require(DomainCatalogue catalogue, BackupManifest backup, DomainDocument copy, string directory, bool trusted)
    {
        if (trusted)
            return;
        DomainDocument? known = catalogue.NameOf(backup.Uuid) is { } name ? catalogue.Load(catalogue.Place(name)) : null;
        if (HostReach.Beyond(copy, directory, known) is { Count: > 0 } wants)
            throw DefinitionErrors.Untrusted(backup, wants, known);
    }
}
