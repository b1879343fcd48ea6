namespace MomentTools.Nbd;

/// <summary>What a server said went wrong with one request: its error number, its words (may be empty), and where (may be unknown).</summary>
internal readonly record struct NbdServerError(uint Number, string Words, ulong? Offset)
{
    /// <summary>The sentence's end that tells the error: "ENOSPC (28, No space left on device) at offset 5: words".</summary>
    public override string ToString() =>
        (Describe(Number) is { } known ? $"{known.Name} ({Number}, {known.Meaning})" : $"error {Number}")
        + (Offset is { } offset ? $" at offset {offset}" : "")
        + (Words.Length > 0 ? $": {Words.TrimEnd('.')}" : "");

    // NBD protocol, "Error values": the numbers are the protocol's own and do not depend on the system.
    private static (string Name, string Meaning)? Describe(uint number) => number switch
    {
        1 => ("EPERM", "Operation not permitted"),
        5 => ("EIO", "Input/output error"),
        12 => ("ENOMEM", "Cannot allocate memory"),
        22 => ("EINVAL", "Invalid argument"),
        28 => ("ENOSPC", "No space left on device"),
        75 => ("EOVERFLOW", "Value too large"),
        95 => ("ENOTSUP", "Operation not supported"),
        108 => ("ESHUTDOWN", "Server is in the process of being shut down"),
        _ => null,
    };
}
