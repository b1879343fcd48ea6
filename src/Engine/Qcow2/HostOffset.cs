namespace MomentTools.Qcow2;

/// <summary>A position in the file that holds a layer's clusters (the image, or its external data file), in bytes.</summary>
internal readonly record struct HostOffset(long Value)
{
    public static HostOffset operator +(HostOffset offset, long bytes) => new(offset.Value + bytes);

    public override string ToString() => $"0x{Value:x}";
}
