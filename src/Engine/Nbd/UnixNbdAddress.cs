namespace MomentTools.Nbd;

/// <summary>A unix socket, by its absolute path.</summary>
internal sealed record UnixNbdAddress(string Path) : NbdAddress
{
    public override string ToUri(string exportName, bool encrypted = false) =>
        $"{(encrypted ? "nbds" : "nbd")}+unix:///{Uri.EscapeDataString(exportName)}?socket={string.Join('/', Path.Split('/').Select(Uri.EscapeDataString))}";

    public override string ToString() => $"unix://{Path}";
}
