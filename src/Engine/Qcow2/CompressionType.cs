namespace MomentTools.Qcow2;

/// <summary>How compressed clusters are stored (specification: header field <c>compression_type</c>).</summary>
internal enum CompressionType
{
    Zlib = 0,
    Zstd = 1,
}
