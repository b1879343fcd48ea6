namespace MomentTools.Nbd;

/// <summary>The server's size constraints in bytes (NBD protocol, "Size constraints").</summary>
/// <param name="Minimum">A power of two: every request's offset and length is a multiple of it.</param>
/// <param name="Preferred">A power of two: requests aligned to it are served efficiently.</param>
/// <param name="Maximum">The longest payload of one request.</param>
internal readonly record struct NbdBlockSizes(uint Minimum, uint Preferred, uint Maximum)
{
    /// <summary>What the protocol says of a server that advertises nothing.</summary>
    public static NbdBlockSizes Default => new(1, 4096, NbdLimits.MaxPayload);

    /// <summary>Whether the numbers keep the protocol's rules; nothing is aligned or split by numbers that do not.</summary>
    public bool AreSound =>
        uint.IsPow2(Minimum) && Minimum <= NbdLimits.MaxMinimumBlock && uint.IsPow2(Preferred) && Preferred >= Minimum && Maximum >= Preferred;

    /// <summary>The most bytes of one read or write: a multiple of <see cref="Minimum"/>, never more than what every server accepts.</summary>
    public int LongestPayload => (int)(Math.Min(Maximum, NbdLimits.MaxPayload) & ~(Minimum - 1));
}
