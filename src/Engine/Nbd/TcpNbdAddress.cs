namespace MomentTools.Nbd;

/// <summary>A TCP port. <see cref="Host"/> is a name, an IPv4 address, or an IPv6 address without brackets.</summary>
internal sealed record TcpNbdAddress(string Host, int Port) : NbdAddress
{
    private string HostInUri => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;

    public override string ToUri(string exportName, bool encrypted = false) => $"{(encrypted ? "nbds" : "nbd")}://{HostInUri}:{Port}/{Uri.EscapeDataString(exportName)}";

    public override string ToString() => $"tcp://{HostInUri}:{Port}";
}
