namespace MomentTools.Qcow2;

/// <summary>What a reader has to understand to read an image (specification: header field <c>incompatible_features</c>).</summary>
[Flags]
internal enum Qcow2IncompatibleFeatures : ulong
{
    None = 0,
    Dirty = 1,
    Corrupt = 2,
    ExternalDataFile = 4,
    CompressionType = 8,
    ExtendedL2 = 16,
    Known = Dirty | Corrupt | ExternalDataFile | CompressionType | ExtendedL2,
}
