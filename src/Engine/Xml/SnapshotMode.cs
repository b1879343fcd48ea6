namespace MomentTools.Xml;

/// <summary>Where the content of a disk or of the memory goes: the attribute <c>snapshot</c> (formatsnapshot).</summary>
internal enum SnapshotMode
{
    /// <summary><c>no</c>: it does not take part.</summary>
    No,

    /// <summary><c>internal</c>: inside the qcow2 image.</summary>
    Internal,

    /// <summary><c>external</c>: the old file stays as it is, a new one takes what is written from now on.</summary>
    External,

    /// <summary><c>manual</c>: somebody else keeps the disk's content; never for memory.</summary>
    Manual,
}
