namespace MomentTools.Nbd;

/// <summary>A metadata context that the server granted, under the id its replies bear on this connection.</summary>
internal sealed record NbdContext(uint Id, string Name)
{
    /// <summary>Whether data is stored, and whether it reads as zeroes: <see cref="StateZero"/>.</summary>
    public const string BaseAllocation = "base:allocation";

    /// <summary>The namespace of QEMU's dirty bitmaps; the bitmap's name follows.</summary>
    public const string DirtyBitmapPrefix = "qemu:dirty-bitmap:";

    /// <summary>NBD_STATE_ZERO of base:allocation.</summary>
    public const uint StateZero = 2;

    /// <summary>NBD_STATE_DIRTY of qemu:dirty-bitmap (QEMU, docs/interop/nbd.txt).</summary>
    public const uint StateDirty = 1;
}
