using System.Buffers;
using System.Security.Cryptography;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups;

/// <summary>Hashes files with two threads and little memory; holes are not read, since the hash of zeroes is known.</summary>
internal sealed class FileHasher
{
    private const int Threads = 2;
    private const int BufferSize = 1 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, string> _zeroes = [];

    /// <summary>The hashes of a whole file.</summary>
    /// <param name="disks">Among how many disks the room of one manifest is shared.</param>
    /// <param name="advance">Told the bytes of each chunk that is done, from either thread.</param>
    public async Task<FileHashes> HashAsync(string path, int disks, Action<long> advance, CancellationToken cancellation)
    {
        using ImageFile file = ImageFile.Open(path);
        long length = file.Length;
        int chunkSize = FileHashes.ChunkSizeFor(length, disks);
        string[] chunks = new string[FileHashes.ChunkCount(length, chunkSize)];
        await ForEachChunkAsync(file, length, chunkSize, (index, hash) => chunks[index] = hash, advance, cancellation);
        return new FileHashes(length, chunkSize, chunks);
    }

    /// <summary>The offset of the first chunk that differs from its hash, or null. The length is the caller's to compare.</summary>
    public async Task<long?> FindDamageAsync(ImageFile file, FileHashes expected, Action<long> advance, CancellationToken cancellation)
    {
        long first = long.MaxValue;
        await ForEachChunkAsync(
            file, expected.Length, expected.ChunkSize,
            (index, hash) =>
            {
                if (hash != expected.Chunks[(int)index])
                    lock (_gate)
                        first = Math.Min(first, index * expected.ChunkSize);
            },
            advance, cancellation);
        return first == long.MaxValue ? null : first;
    }

    private async Task ForEachChunkAsync(
        ImageFile file, long length, int chunkSize, Action<long, string> done, Action<long> advance, CancellationToken cancellation)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellation };
        await Parallel.ForAsync(0L, FileHashes.ChunkCount(length, chunkSize), options, async (index, token) =>
        {
            long offset = index * chunkSize;
            int count = (int)Math.Min(chunkSize, length - offset);
            bool hole = file.NextData(offset) >= offset + count;
            done(index, hole ? OfZeroes(count) : await HashChunkAsync(file, offset, count, token));
            advance(count);
        });
    }

    private static async Task<string> HashChunkAsync(ImageFile file, long offset, int count, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            for (int done = 0; done < count;)
            {
                Memory<byte> part = buffer.AsMemory(0, Math.Min(BufferSize, count - done));
                await file.ReadExactlyAsync("chunk", offset + done, part, cancellation);
                hash.AppendData(part.Span);
                done += part.Length;
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Chunks have one size, and the last of each file another: few enough to be kept.
    private string OfZeroes(int count)
    {
        lock (_gate)
        {
            if (!_zeroes.TryGetValue(count, out string? known))
            {
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                byte[] zeroes = new byte[Math.Min(count, BufferSize)];
                for (int done = 0; done < count; done += zeroes.Length)
                    hash.AppendData(zeroes.AsSpan(0, Math.Min(zeroes.Length, count - done)));
                _zeroes[count] = known = Convert.ToHexStringLower(hash.GetHashAndReset());
            }

            return known;
        }
    }
}
