using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>What can be wrong with the definition in a backup.</summary>
internal static class DefinitionErrors
{
    public static readonly ErrorId RestoreDefinitionUntrusted = new("RestoreDefinitionUntrusted", ErrorKind.InvalidState);

    private const int MostTold = 8;

    /// <param name="wants">What it wants of the host, a phrase each.</param>
    /// <param name="known">The machine of its UUID that is registered here, or null.</param>
    public static MomentException Untrusted(BackupManifest backup, IReadOnlyList<string> wants, DomainDocument? known)
    {
        string more = wants.Count > MostTold ? $"; and {wants.Count - MostTold} more" : "";
        string whose = known is null ? "no machine of its UUID is registered here that would vouch for it" : $"the registered machine '{known.Name}', which it is of, does nothing of the kind";
        return new MomentException(
            RestoreDefinitionUntrusted,
            $"Cannot make a machine of the backup '{backup.Id}' of '{backup.Vm}': its definition {string.Join("; ", wants.Take(MostTold))}{more}; and {whose}. Whoever wrote the backup would decide what runs here, and which files of this host the guest sees.",
            Path.Combine(backup.Directory, BackupManifest.DomainFileName),
            "Read that definition. If the backup is your own, give -TrustDefinition; else restore its disks alone, without -AsDomain, and register them with a definition of your own.");
    }
}
