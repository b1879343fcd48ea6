namespace MomentTools;

/// <summary>How much a backup stores.</summary>
public enum VMBackupKind
{
    /// <summary>Each disk in full where it must be, else only what changed since the last backup; the object says which and why.</summary>
    Automatic,

    /// <summary>Everything.</summary>
    Full,

    /// <summary>What changed since the last backup in the same repository; an error where a disk would have to be stored in full.</summary>
    Incremental,

    /// <summary>What changed since the last full backup, or since the one that is named; whatever lies between is not needed to restore it.</summary>
    Differential,

    /// <summary>Everything, beside the chain: no checkpoint is made, and no later backup stands on it.</summary>
    Copy,
}
