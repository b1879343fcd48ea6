using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// An attached machine belongs to somebody who starts it from a definition of his own. What changes which files it runs on he has to know
/// of, and only he starts it.
/// </summary>
internal static class OwnerCheck
{
    /// <summary>Called before anything is changed by whatever gives a disk another active image.</summary>
    /// <param name="domain">The machine.</param>
    /// <param name="accepted">Whether the user says that its owner will start it on the files that it runs on then.</param>
    /// <param name="what">The operation, so that it continues "Cannot …": "take snapshot 'clean' of 'web1'".</param>
    /// <exception cref="Errors.MomentException"><c>OwnerNotAccepted</c>.</exception>
    public static void Require(DomainDocument domain, bool accepted, string what)
    {
        if (domain.Monitor is not null && !accepted)
            throw OwnerErrors.NotAccepted(domain.Name, what);
    }

    /// <summary>Called before anything is changed by whatever ends QEMU and starts it anew.</summary>
    /// <exception cref="Errors.MomentException"><c>OwnerRestartsMachine</c>.</exception>
    public static void RefuseRestart(DomainDocument domain, string what)
    {
        if (domain.Monitor is not null)
            throw OwnerErrors.Restarts(domain.Name, what);
    }
}
