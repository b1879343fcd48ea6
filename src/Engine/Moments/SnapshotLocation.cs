namespace MomentTools.Moments;

/// <summary>Where the content of a snapshot lies: attribute <c>snapshot</c> of libvirt's <c>domainsnapshot</c>.</summary>
internal enum SnapshotLocation
{
    /// <summary>Inside the qcow2 image (its snapshot table).</summary>
    Internal,

    /// <summary>In the layer that was frozen; a new overlay lies on top.</summary>
    External,
}
