using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Blocks;

public sealed class RawFileWriterTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task WhatIsWrittenIsThereAndTheRestIsSparse()
    {
        byte[] bytes = [.. Enumerable.Range(1, 100_000).Select(value => (byte)value)];
        await using (var writer = RawFileWriter.Create(_scratch["d"], 1L << 40))
        {
            await writer.WriteAsync((1L << 40) - bytes.Length, bytes, CancellationToken.None);
            await writer.WriteAsync(4096, bytes, CancellationToken.None);
            await writer.ZeroAsync(8192, 65536, CancellationToken.None);
            await writer.FlushAsync(CancellationToken.None);
        }

        using FileStream file = File.OpenRead(_scratch["d"]);
        Assert.Equal(1L << 40, file.Length);
        byte[] expected = [.. bytes], found = new byte[bytes.Length];
        expected.AsSpan(4096, 65536).Clear();
        file.Position = 4096;
        file.ReadExactly(found);
        Assert.True(expected.AsSpan().SequenceEqual(found));
        file.Position = (1L << 40) - bytes.Length;
        file.ReadExactly(found);
        Assert.True(bytes.AsSpan().SequenceEqual(found));
        // In kilobytes: two runs of 100,000 bytes, less the hole.
        Assert.InRange(int.Parse(Tool.Run("du", "-k", _scratch["d"]).Split('\t')[0]), 1, 200);
        Assert.Equal("600\n", Tool.Run("stat", "-c", "%a", _scratch["d"]));
    }

    [Fact]
    public void AFileThatIsThereIsNotOverwritten()
    {
        File.WriteAllText(_scratch["d"], "mine");
        MomentException refused = Assert.Throws<MomentException>(() => RawFileWriter.Create(_scratch["d"], 512));
        Assert.Equal("FileExists", refused.ErrorId.Name);
        Assert.Equal("mine", File.ReadAllText(_scratch["d"]));
    }

    [Fact]
    public void ASizeThatTheFileSystemHasNotLeavesNoFile()
    {
        MomentException refused = Assert.Throws<MomentException>(() => RawFileWriter.Create(_scratch["d"], long.MaxValue));
        Assert.Equal(ErrorKind.Storage, refused.Kind);
        Assert.False(File.Exists(_scratch["d"]));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(512, 1)]
    [InlineData(500, 13)]
    public async Task NothingIsWrittenBehindTheEnd(long offset, int count)
    {
        await using var writer = RawFileWriter.Create(_scratch["d"], 512);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => writer.WriteAsync(offset, new byte[count], CancellationToken.None).AsTask());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => writer.ZeroAsync(offset, count, CancellationToken.None).AsTask());
        Assert.Equal(512, new FileInfo(_scratch["d"]).Length);
    }

    [SkippableFact]
    public async Task AFullDeviceIsNamed()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "mounting a file system needs root");
        Tool.Require("mount", "umount");
        Directory.CreateDirectory(_scratch["m"]);
        (int exit, _, string error) = Tool.TryRun("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", _scratch["m"]);
        Skip.If(exit != 0, error);
        try
        {
            await using var writer = RawFileWriter.Create(Path.Combine(_scratch["m"], "d"), 1 << 20);
            MomentException full = await Assert.ThrowsAsync<MomentException>(() => writer.WriteAsync(0, new byte[1 << 20], CancellationToken.None).AsTask());
            Assert.Equal(("StorageFull", 28), (full.ErrorId.Name, full.PeerErrorNumber));
        }
        finally
        {
            Tool.Run("umount", _scratch["m"]);
        }
    }
}
