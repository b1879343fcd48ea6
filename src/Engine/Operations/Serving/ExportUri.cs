namespace MomentTools.Operations.Serving;

/// <summary>
/// The URI of an export as the NBD URI specification writes it. As text it is exactly that: <see cref="Uri"/> itself would take the escapes
/// out of a name with spaces, and no NBD client could read it any more.
/// </summary>
internal sealed class ExportUri(string text) : Uri(text)
{
    public override string ToString() => OriginalString;
}
