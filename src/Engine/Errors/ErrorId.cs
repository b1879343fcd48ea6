namespace MomentTools.Errors;

/// <summary>
/// The stable name of one cause of failure. Each id is a static field of its room's <c>…Errors</c> class;
/// tests collect them there, compare them with about_MomentTools_Errors, and require each to be unique.
/// </summary>
/// <param name="Name">The id as scripts see it, in Pascal case: part of the product's contract.</param>
/// <param name="Kind">The kind, from which PowerShell's error category follows.</param>
public sealed record ErrorId(string Name, ErrorKind Kind)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}
