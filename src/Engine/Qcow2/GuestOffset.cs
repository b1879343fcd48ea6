namespace MomentTools.Qcow2;

/// <summary>A position on the virtual disk, in bytes.</summary>
internal readonly record struct GuestOffset(long Value)
{
    public override string ToString() => $"0x{Value:x}";
}
