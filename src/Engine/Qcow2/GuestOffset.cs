namespace MomentTools.Qcow2;

/// <summary>A position on the virtual disk, in bytes.</summary>
internal readonly record struct GuestOffset(long Value)
{
    public static GuestOffset operator +(GuestOffset offset, long bytes) => new(offset.Value + bytes);

    public override string ToString() => $"0x{Value:x}";
}
