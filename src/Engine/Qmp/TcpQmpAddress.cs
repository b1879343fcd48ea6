namespace MomentTools.Qmp;

/// <summary>A monitor on a TCP port.</summary>
/// <param name="Host">A host name or an IP address, without brackets.</param>
/// <param name="Port">1 to 65535.</param>
internal sealed record TcpQmpAddress(string Host, int Port) : QmpAddress
{
    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"tcp:[{Host}]:{Port}" : $"tcp:{Host}:{Port}";
}
