using System.Runtime.CompilerServices;
using MomentTools.Errors;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

/// <summary>The content of changed blocks: right where it stands still, refused where it moves, and never what it became later.</summary>
public sealed class ReadChangedBlocksTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnIncrementMadeOfItIsTheDisk(bool runningUpToASnapshot)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var random = new Random(3);
        await WriteAsync(machine, random);
        await machine.CheckpointAsync("base");
        byte[] disk = machine.Content(machine.DiskPath("vda"));
        await WriteAsync(machine, random);
        await machine.IoAsync("vda", $"write -z {4 * Grain} {2 * Grain}");
        byte[] expected = machine.Content(machine.DiskPath("vda"));
        string? to = null;
        if (runningUpToASnapshot)
        {
            await machine.SnapshotAsync("clean");
            await machine.StartAsync();
            to = "clean";
            await WriteAsync(machine, random);
        }

        IReadOnlyList<VMChangedBlock> blocks = await ReadAsync(machine, "base", to);
        Assert.Contains(blocks, block => block.Kind == "Zero");
        Assert.Contains(blocks, block => block.Kind == "Data");
        foreach (VMChangedBlock block in blocks)
        {
            await using Stream stream = block.OpenRead();
            Assert.Equal(block.Length, stream.Length);
            await stream.ReadExactlyAsync(disk.AsMemory((int)block.Offset, (int)block.Length));
            Assert.Equal(-1, stream.ReadByte());
        }

        Assert.Equal(expected, disk);
    }

    [SkippableFact]
    public async Task TheImagesAreOpenOnlyWhileSomebodyReads()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("base");
        for (int run = 0; run < 8; run++)
            await machine.WriteAsync("vda", 5, run * 2 * Grain, Grain);
        IReadOnlyList<VMChangedBlock> blocks = await ReadAsync(machine, "base", null);
        Assert.Equal(8, blocks.Count);
        Assert.Equal(0, OpenFiles(machine.DiskPath("vda")));
        foreach (VMChangedBlock block in blocks)
        {
            using (Stream stream = block.OpenRead())
                Assert.Equal(5, stream.ReadByte());
            Assert.Equal(1, OpenFiles(machine.DiskPath("vda")));
        }

        Assert.Equal(0, OpenFiles(machine.DiskPath("vda")));
        foreach (VMChangedBlock block in blocks)
            if (block.Offset > 0)
                break;
        VMChangedBlock kept = blocks[3];
        using (Stream one = kept.OpenRead(), other = kept.OpenRead())
        {
            other.Seek(-1, SeekOrigin.End);
            Assert.Equal((5, 5, -1), (one.ReadByte(), other.ReadByte(), other.ReadByte()));
            Assert.Equal(1, OpenFiles(machine.DiskPath("vda")));
        }

        Assert.Equal(0, OpenFiles(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task WhatWasWrittenSinceIsNeverGiven()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMChangedBlock block = Assert.Single(await ReadAsync(machine, "base", null));
        await using Stream open = block.OpenRead();
        Assert.Equal(1, open.ReadByte());
        await machine.WriteAsync("vda", 2, 0, Grain);
        Assert.Equal(OperationErrors.ChangedContentGone, Assert.Throws<MomentException>(() => open.ReadByte()).ErrorId);
        using (Stream beside = block.OpenRead())
            Assert.Equal(OperationErrors.ChangedContentGone, Assert.Throws<MomentException>(() => beside.ReadByte()).ErrorId);
        await open.DisposeAsync();
        Assert.Equal(OperationErrors.ChangedContentGone, Assert.Throws<MomentException>(block.OpenRead).ErrorId);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AWriteRightAfterAnotherShowsWhateverTheTimeInTheFileSays(bool frozen)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 1, 0, Grain);
        string path = machine.DiskPath("vda");
        if (frozen)
            await machine.SnapshotAsync("outside");
        // A frozen layer that was written to is refused from then on.
        for (int round = frozen ? 10 : 1; round <= 10; round++)
        {
            if (!frozen)
                Touch(path);
            VMChangedBlock block = Assert.Single(await ReadAsync(machine, "base", frozen ? "outside" : null));
            DateTime written = File.GetLastWriteTimeUtc(path);
            Touch(path);
            File.SetLastWriteTimeUtc(path, written);
            Assert.Equal(OperationErrors.ChangedContentGone, Assert.Throws<MomentException>(block.OpenRead).ErrorId);
        }
    }

    [SkippableFact]
    public async Task AStreamThatNobodyDisposesIsClosedWhenItIsForgotten()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 7, 0, Grain);
        await machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, new CreateBlockSnapshotRequest { Name = "tonight" }, machine.Report, CancellationToken.None);
        int exports = await ExportsAsync(machine, running: true);
        VMChangedBlock block = (await UpToAsync(machine, read: true))[0];
        Forget(block);
        for (int wait = 0; wait < 1200 && await ExportsAsync(machine, running: true) != exports; wait++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(50);
        }

        Assert.Equal(exports, await ExportsAsync(machine, running: true));
        // One that is read while the block snapshot is removed ends, and keeps nothing of it.
        using Stream stream = block.OpenRead();
        Assert.Equal(7, stream.ReadByte());
        await machine.Engine.RemoveBlockSnapshotAsync(TestMachine.Name, "tonight", machine.Report, CancellationToken.None);
        Assert.ThrowsAny<MomentException>(() => stream.ReadByte());
        Assert.DoesNotContain("mt-bs-", await machine.NodesAsync(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task WhatMovesOrIsNotKeptIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("later");
        await machine.SnapshotAsync("inside", request => request with { Internal = true });
        Assert.Equal(OperationErrors.ChangedContentNotKept, (await Assert.ThrowsAsync<MomentException>(() => ReadAsync(machine, "base", "later"))).ErrorId);
        Assert.Equal(OperationErrors.ChangedContentNotKept, (await Assert.ThrowsAsync<MomentException>(() => ReadAsync(machine, "base", "inside"))).ErrorId);
        Assert.Equal(ChangedBlockErrors.BlockWithoutContent, Assert.Throws<MomentException>(
            (await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, "base", [], machine.Report, CancellationToken.None))[0].OpenRead).ErrorId);
        await machine.StartAsync();
        Assert.Equal(OperationErrors.ChangedContentMoves, (await Assert.ThrowsAsync<MomentException>(() => ReadAsync(machine, "base", null))).ErrorId);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task UpToABlockSnapshotWhileTheMachineWritesOn(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var random = new Random(9);
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("base");
        await machine.IoAsync("vda", "flush");
        byte[] disk = machine.Content(machine.DiskPath("vda"));
        await WriteAsync(machine, random);
        await machine.IoAsync("vda", "flush");
        byte[] expected = machine.Content(machine.DiskPath("vda"));
        await machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, new CreateBlockSnapshotRequest { Name = "tonight" }, machine.Report, CancellationToken.None);
        int exports = await ExportsAsync(machine, running);
        if (running)
            await WriteAsync(machine, random);
        IReadOnlyList<VMChangedBlock> blocks = await UpToAsync(machine, read: true);
        foreach (VMChangedBlock block in blocks)
        {
            await using Stream stream = block.OpenRead();
            await stream.ReadExactlyAsync(disk.AsMemory((int)block.Offset, (int)block.Length));
            // The monitor is free meanwhile.
            Assert.NotEmpty((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Disks);
        }

        Assert.Equal(expected, disk);
        Assert.Equal(exports, await ExportsAsync(machine, running));
        VMChangedBlockMeasure sum = Assert.Single(await machine.Engine.MeasureBlockSnapshotChangesAsync(TestMachine.Name, "base", "tonight", [], machine.Report, CancellationToken.None));
        Assert.Equal(blocks.Sum(block => block.Length), sum.Bytes);
        // Of zeroes nothing has to be there.
        VMChangedBlock last = blocks.Last(block => block.Kind == "Data");
        await machine.Engine.RemoveBlockSnapshotAsync(TestMachine.Name, "tonight", machine.Report, CancellationToken.None);
        Assert.ThrowsAny<MomentException>(last.OpenRead);
        await Assert.ThrowsAsync<MomentException>(() => UpToAsync(machine, read: false));
    }

    private static async Task<int> ExportsAsync(TestMachine machine, bool running) =>
        running ? (await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-block-exports", null, CancellationToken.None)).GetArrayLength() : 0;

    private static Task<IReadOnlyList<VMChangedBlock>> ReadAsync(TestMachine machine, string since, string? to) =>
        machine.Engine.ReadChangedBlocksAsync(TestMachine.Name, since, to, [], machine.Report, CancellationToken.None);

    private static Task<IReadOnlyList<VMChangedBlock>> UpToAsync(TestMachine machine, bool read) =>
        machine.Engine.GetBlockSnapshotChangesAsync(TestMachine.Name, "base", "tonight", read, [], machine.Report, CancellationToken.None);

    // A method of its own, so that nothing of it stays on the stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(VMChangedBlock block) => Assert.Equal(7, block.OpenRead().ReadByte());

    // Writes what is there: nothing but the times tells.
    private static void Touch(string path)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        int first = file.ReadByte();
        file.Position = 0;
        file.WriteByte((byte)first);
    }

    private static async Task WriteAsync(TestMachine machine, Random random)
    {
        for (int write = 0; write < 12; write++)
            await machine.WriteAsync("vda", (byte)random.Next(1, 255), random.Next(8, 1000) * Grain, random.Next(1, 24) * 4096L);
    }

    private static int OpenFiles(string path) =>
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(file => new FileInfo(file).LinkTarget == path);
}
