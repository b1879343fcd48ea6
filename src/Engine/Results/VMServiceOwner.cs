namespace MomentTools;

/// <summary>With whose end a block snapshot or a block export ends, if nobody ends it before.</summary>
public enum VMServiceOwner
{
    /// <summary>The machine; for a stopped one, the storage daemon that serves its disks.</summary>
    Machine,

    /// <summary>The PowerShell process that made it.</summary>
    Session,

    /// <summary>The block export that made it for itself.</summary>
    Export,
}
