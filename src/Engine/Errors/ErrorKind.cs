namespace MomentTools.Errors;

/// <summary>What kind of failure an error is. Cmdlets turn each kind into one PowerShell error category.</summary>
public enum ErrorKind
{
    /// <summary>What was named does not exist.</summary>
    NotFound,

    /// <summary>What should be made is there already.</summary>
    AlreadyExists,

    /// <summary>A name, a value or a document breaks a rule.</summary>
    InvalidArgument,

    /// <summary>The request is sound, but not in the present state of the domain, the disk or the file.</summary>
    InvalidState,

    /// <summary>Somebody else holds what is needed.</summary>
    Busy,

    /// <summary>QEMU or an NBD server answered no; its words are in the message.</summary>
    Refused,

    /// <summary>A link could not be made or broke; the reason is the inner exception.</summary>
    Connection,

    /// <summary>An answer did not come in time.</summary>
    Timeout,

    /// <summary>The format, the element or the version is not one that MomentTools can work with.</summary>
    Unsupported,

    /// <summary>A file or a reply is not what it claims to be.</summary>
    CorruptData,

    /// <summary>The operating system denies access.</summary>
    AccessDenied,

    /// <summary>Reading or writing a file failed (full disk, I/O error).</summary>
    Storage,
}
