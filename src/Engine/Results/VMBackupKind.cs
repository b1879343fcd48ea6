namespace MomentTools;

/// <summary>How much a backup stores.</summary>
public enum VMBackupKind
{
    /// <summary>Each disk in full where it must be, else only what changed since the last backup; the object says which and why.</summary>
    Automatic,

    /// <summary>Everything.</summary>
    Full,

    /// <summary>What changed since the last backup in the same repository; an error where that cannot be proven.</summary>
    Incremental,
}
