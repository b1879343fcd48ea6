namespace MomentTools.Moments;

/// <summary>The two kinds of named points in time of a domain.</summary>
internal enum MomentKind
{
    /// <summary>A moment to compare with: libvirt's <c>domaincheckpoint</c>.</summary>
    Checkpoint,

    /// <summary>A moment to go back to: libvirt's <c>domainsnapshot</c>.</summary>
    Snapshot,
}
