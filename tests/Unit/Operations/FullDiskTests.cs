using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

/// <summary>
/// No space under the state root, the repository or the image, and no permission to write: said with an id, and after it everything is
/// as before (rows F6, D11).
/// </summary>
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const long Grain = 65536;
    private const int Page = 4096;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AStateRootThatFillsUpAtAnyPageLosesNothing(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        using SmallFileSystem state = SmallFileSystem.Over(Path.Combine(machine.Scratch, "state"), 1);
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        string before = await Untouched.TakeAsync(machine);
        for (int pages = 0; ; pages++)
        {
            state.Fill(pages * Page);
            MomentException? failure = await Record.ExceptionAsync(() => machine.CheckpointAsync("b")) as MomentException;
            state.Free();
            if (failure is null)
            {
                output.WriteLine($"{pages} pages are enough");
                Assert.True(pages > 0);
                break;
            }

            Assert.True(failure.ErrorId == FileErrors.StorageFull, $"{pages} pages: {failure.ErrorId}: {failure.Message}");
            Assert.Contains(Path.Combine(machine.Scratch, "state"), failure.Message, StringComparison.Ordinal);
            Assert.Equal(before, await Untouched.TakeAsync(machine));
        }

        await machine.WriteAsync("vda", 1, 4 * Grain, Grain);
        Assert.Equal([(0, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("a"));
        Assert.Equal([(4 * Grain, Grain)], await machine.ChangesAsync("b"));
        Assert.Equal(["a", "b"], (await machine.MomentsAsync()).Select(moment => moment.Name));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AFullRepositoryKeepsNoHalfBackup(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        using SmallFileSystem repository = SmallFileSystem.Over(machine.Repository, 4);
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 1, 0, 8 << 20);
        await Untouched.RefusedAsync(machine, () => machine.BackupAsync(), FileErrors.StorageFull, "vda", machine.Repository);
        Assert.Single(await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None));
    }

    [SkippableFact]
    public async Task AFullDiskUnderTheImageIsSaidAndNoAnswerIsTooSmall()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda");
        using SmallFileSystem images = SmallFileSystem.Over(Path.Combine(machine.Scratch, "images"), 4);
        string image = Path.Combine(machine.Scratch, "images", "vda.qcow2");
        File.Move(machine.DiskPath("vda"), image);
        File.CreateSymbolicLink(machine.DiskPath("vda"), image);
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        images.Fill(0);
        MomentException failure = (await Record.ExceptionAsync(() => machine.CheckpointAsync("b")) as MomentException)!;
        images.Free();
        Assert.NotNull(failure);
        output.WriteLine($"{failure.ErrorId}: {failure.Message}");
        Assert.Contains("No space left", failure.Message, StringComparison.Ordinal);
        Assert.Equal(["a"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        try
        {
            Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
        }
        catch (MomentException unknown)
        {
            Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        }

        await machine.CheckpointAsync("c");
        await machine.WriteAsync("vda", 1, 8 * Grain, Grain);
        Assert.Equal([(8 * Grain, Grain)], await machine.ChangesAsync("c"));
    }

    [SkippableFact]
    public async Task AStateRootThatCannotBeWrittenIsSaid()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        using SmallFileSystem state = SmallFileSystem.Over(Path.Combine(machine.Scratch, "state"), 1);
        state.ReadOnly(true);
        await Untouched.RefusedAsync(machine, () => machine.CheckpointAsync("b"), FileErrors.StorageFailed, machine.StateDirectory);
        await Untouched.RefusedAsync(machine, () => machine.RemoveAsync("a"), FileErrors.StorageFailed, machine.StateDirectory);
        await Untouched.RefusedAsync(machine, () => machine.BackupAsync(), FileErrors.StorageFailed, machine.StateDirectory);
        Assert.Equal(["a"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        state.ReadOnly(false);
        await machine.CheckpointAsync("b");
    }

    [SkippableFact]
    public async Task AStateDirectoryWithoutPermissionIsSaid()
    {
        Tool.Require("chattr");
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        string journal = Path.Combine(machine.StateDirectory, "journal");
        (int exit, _, string error) = Tool.TryRun("chattr", "+i", journal);
        Skip.If(exit != 0, $"a directory cannot be made immutable here: {error}");
        try
        {
            await Untouched.RefusedAsync(machine, () => machine.CheckpointAsync("b"), FileErrors.StorageAccessDenied, journal);
            await Untouched.RefusedAsync(machine, () => machine.RemoveAsync("a"), FileErrors.StorageAccessDenied, journal);
        }
        finally
        {
            Tool.Run("chattr", "-i", journal);
        }

        await machine.CheckpointAsync("b");
    }
}
