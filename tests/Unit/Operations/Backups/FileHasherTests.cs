using System.Security.Cryptography;
using MomentTools.Operations.Backups;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

public sealed class FileHasherTests
{
    private const int Chunk = FileHashes.SmallestChunk;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Chunk)]
    [InlineData(3 * Chunk + 12345)]
    public async Task TheHashesAreThoseOfTheBytesChunkByChunk(int length)
    {
        using var scratch = new ScratchDirectory();
        byte[] content = new byte[length];
        new Random(3).NextBytes(content);
        await File.WriteAllBytesAsync(scratch["f"], content);
        long told = 0;
        FileHashes hashes = await new FileHasher().HashAsync(scratch["f"], 1, bytes => Interlocked.Add(ref told, bytes), CancellationToken.None);
        byte[][] chunks = [.. content.Chunk(Chunk).Select(SHA256.HashData)];
        Assert.Equal(chunks.Select(Convert.ToHexStringLower), hashes.Chunks);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(chunks.SelectMany(chunk => chunk).ToArray())), hashes.Whole);
        Assert.Equal((length, length), (hashes.Length, told));
    }

    [Fact]
    public async Task HolesHashAsTheZeroesThatTheyAre()
    {
        using var scratch = new ScratchDirectory();
        byte[] content = new byte[5 * Chunk + 7];
        content[Chunk + 9] = 1;
        content[4 * Chunk - 1] = 2;
        await File.WriteAllBytesAsync(scratch["dense"], content);
        using (FileStream sparse = File.Create(scratch["sparse"]))
        {
            sparse.SetLength(content.Length);
            foreach (int at in (int[])[Chunk + 9, 4 * Chunk - 1])
            {
                sparse.Position = at;
                sparse.WriteByte(content[at]);
            }
        }

        var hasher = new FileHasher();
        FileHashes dense = await hasher.HashAsync(scratch["dense"], 1, _ => { }, CancellationToken.None);
        FileHashes holes = await hasher.HashAsync(scratch["sparse"], 1, _ => { }, CancellationToken.None);
        Assert.Equal(dense.Chunks, holes.Chunks);
        Assert.Equal(dense.Chunks[0], dense.Chunks[4]);
    }

    [Fact]
    public async Task AHugeHoleCostsNoReading()
    {
        using var scratch = new ScratchDirectory();
        using (FileStream sparse = File.Create(scratch["sparse"]))
            sparse.SetLength(1L << 40);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        FileHashes hashes = await new FileHasher().HashAsync(scratch["sparse"], 1, _ => { }, limit.Token);
        Assert.Equal(1 << 18, hashes.Chunks.Count);
        Assert.Single(hashes.Chunks.Distinct());
    }

    [Fact]
    public async Task TheFirstDamagedChunkIsFound()
    {
        using var scratch = new ScratchDirectory();
        byte[] content = new byte[6 * Chunk];
        new Random(4).NextBytes(content);
        await File.WriteAllBytesAsync(scratch["f"], content);
        var hasher = new FileHasher();
        FileHashes hashes = await hasher.HashAsync(scratch["f"], 1, _ => { }, CancellationToken.None);
        content[5 * Chunk]++;
        content[3 * Chunk - 1]++;
        await File.WriteAllBytesAsync(scratch["f"], content);
        using ImageFile file = ImageFile.Open(scratch["f"]);
        Assert.Equal(2L * Chunk, await hasher.FindDamageAsync(file, hashes, _ => { }, CancellationToken.None));
    }

    [Fact]
    public void LargeFilesAndManyDisksGetLargerChunks()
    {
        Assert.Equal(Chunk, FileHashes.ChunkSizeFor(1L << 41, 1));
        Assert.Equal(2 * Chunk, FileHashes.ChunkSizeFor((1L << 41) + 1, 1));
        Assert.Equal(8 * Chunk, FileHashes.ChunkSizeFor(1L << 41, 8));
        Assert.Equal(FileHashes.LargestChunk, FileHashes.ChunkSizeFor(long.MaxValue, 1024));
    }
}
