namespace MomentTools.Qcow2;

/// <summary>One header extension: its type and its bytes (specification: "Header extensions").</summary>
internal sealed record Qcow2HeaderExtension(uint Type, ReadOnlyMemory<byte> Data)
{
    public const uint End = 0;
    public const uint BackingFormat = 0xe2792aca;
    public const uint FeatureNames = 0x6803f857;
    public const uint Bitmaps = 0x23852875;
    public const uint DataFileName = 0x44415441;
}
