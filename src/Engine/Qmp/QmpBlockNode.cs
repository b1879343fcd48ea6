namespace MomentTools.Qmp;

/// <summary>A node of the block graph (QAPI <c>BlockDeviceInfo</c>).</summary>
/// <param name="Driver">The format or protocol: qcow2, raw, file, copy-before-write, ...</param>
/// <param name="File">The file name as QEMU composes it; may be a json: pseudo name.</param>
/// <param name="BackingFile">The name of the backing file as the image says it, or null.</param>
/// <param name="VirtualSize">Bytes that the guest sees.</param>
internal sealed record QmpBlockNode(
    string NodeName, string Driver, string File, bool ReadOnly, string? BackingFile, long VirtualSize, IReadOnlyList<QmpDirtyBitmap> DirtyBitmaps)
{
    /// <summary>Whether it goes past the host's page cache, and whether flushes are ignored (QAPI <c>BlockdevCacheInfo</c>); null where that is not said.</summary>
    public (bool Direct, bool NoFlush)? Cache { get; init; }

    /// <summary>off, on or unmap; null where that is not said.</summary>
    public string? DetectZeroes { get; init; }

    /// <summary>Bytes that its file takes on its storage; null where that is not said.</summary>
    public long? Allocated { get; init; }

    internal static QmpBlockNode Read(QmpValue info) => new(
        info["node-name"].Text, info["drv"].Text, info["file"].Text, info["ro"].Flag, info.Find("backing_file")?.Text,
        info["image"]["virtual-size"].Size, QmpDirtyBitmap.ReadAll(info))
    {
        Cache = info.Find("cache") is { } cache ? (cache["direct"].Flag, cache["no-flush"].Flag) : null,
        DetectZeroes = info.Find("detect_zeroes")?.Text,
        Allocated = info["image"].Find("actual-size")?.Size,
    };
}
