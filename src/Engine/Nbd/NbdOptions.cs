namespace MomentTools.Nbd;

/// <summary>How patient and how busy an NBD connection is.</summary>
internal sealed record NbdOptions
{
    public static NbdOptions Default { get; } = new();

    /// <summary>From the first packet to the end of negotiation. A full server accepts and then says nothing.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the server may send nothing at all while requests wait. Long, because QEMU serves its exports from a loop
    /// that a single monitor command can hold up for minutes.
    /// </summary>
    public TimeSpan SilenceTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long closing waits for the server to answer what is in flight and to hang up.</summary>
    public TimeSpan DisconnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Requests under way at once on one connection.</summary>
    public int MaxInFlight { get; init; } = 16;

    /// <summary>TLS, or null for a connection in the clear. With it nothing but the wish for TLS is ever sent in the clear.</summary>
    public NbdTls? Tls { get; init; }
}
