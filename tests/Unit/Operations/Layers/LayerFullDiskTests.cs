using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>A disk that fills up while layers are merged: it is said with an id, nothing reads otherwise, and with space again the merge goes on.</summary>
public sealed class LayerFullDiskTests
{
    private const int Page = 4096;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMergeThatFindsNoSpaceLosesNothing(bool running)
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        using SmallFileSystem small = SmallFileSystem.Over(machine.Machine.Scratch, 64);
        await machine.WriteAsync(1, 0, 8);
        await machine.CheckpointAsync("first");
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 64);
        if (running)
            await machine.Machine.StartAsync();
        await machine.CheckpointAsync("second");
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (int pages in (int[])[0, 8, 24, 48, 96, 160, 256, 512, 4096])
        {
            small.Fill(pages * Page);
            Exception? failure = await Record.ExceptionAsync(() => machine.State.Moments.ContainsKey(new MomentKey(MomentKind.Snapshot, "one"))
                ? machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "one", UndoFor = TimeSpan.Zero }, machine.Machine.Report, CancellationToken.None)
                : machine.CollectAsync());
            small.Free();
            if (failure is not null)
                seen.Add(Assert.IsType<MomentException>(failure).ErrorId.Name);
            await machine.AssertSoundAsync($"{pages} pages");
        }

        Assert.Equal(["LayerMergeFailed", "StorageFull"], seen.Order(StringComparer.Ordinal));
        await machine.CollectAsync();
        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
        await machine.AssertSoundAsync("with space again");
    }
}
