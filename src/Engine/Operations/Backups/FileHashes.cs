using System.Security.Cryptography;

namespace MomentTools.Operations.Backups;

/// <summary>The SHA-256 hashes of a file, chunk by chunk, so that damage can be told by its place and checked by many threads.</summary>
/// <param name="Length">Bytes of the file.</param>
/// <param name="ChunkSize">Bytes that each hash covers.</param>
/// <param name="Chunks">One hash for each chunk, in lower-case hexadecimal digits.</param>
internal sealed record FileHashes(long Length, int ChunkSize, IReadOnlyList<string> Chunks)
{
    public const int SmallestChunk = 4 << 20;
    public const int LargestChunk = 1 << 30;

    /// <summary>Hexadecimal digits of one hash.</summary>
    public const int Digits = 64;

    // So many hashes take less than 40 MB of a manifest.
    private const int MostChunks = 1 << 19;

    /// <summary>The hash of all chunk hashes.</summary>
    public string Whole => Combine(Chunks);

    /// <summary>The chunk size for a file: 4 MiB, and larger where the hashes of so many disks would not fit a manifest.</summary>
    public static int ChunkSizeFor(long length, int disks)
    {
        int size = SmallestChunk;
        while (size < LargestChunk && ChunkCount(length, size) > MostChunks / Math.Max(1, disks))
            size <<= 1;
        return size;
    }

    public static long ChunkCount(long length, int chunkSize) => length / chunkSize + (length % chunkSize == 0 ? 0 : 1);

    /// <summary>The hash of the chunk hashes, one after the other as bytes.</summary>
    public static string Combine(IReadOnlyList<string> chunks)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> one = stackalloc byte[Digits / 2];
        foreach (string chunk in chunks)
        {
            Convert.FromHexString(chunk, one, out _, out _);
            hash.AppendData(one);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
