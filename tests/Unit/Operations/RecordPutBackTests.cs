using MomentTools.CrashRunner;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

/// <summary>
/// The host's files were saved while an operation was under way, and its record is put back later from there: the images are ahead of it by then.
/// Whatever the next command finishes or undoes by that record, what the guest has written is still there, and nothing is said to be unchanged
/// that was changed.
/// </summary>
[Trait("Proof", "crash")]
public sealed class RecordPutBackTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("checkpoint", "new")]
    [InlineData("remove", "middle")]
    [InlineData("backup", "")]
    [InlineData("snapshot", "new")]
    [InlineData("snapshot-internal", "new")]
    [InlineData("restore", "inside")]
    [InlineData("restore-branch", "outside")]
    public async Task NothingThatCameLaterIsLost(string operation, string argument)
    {
        await CrashHarness.RunAsync(output, operation, async (step, where) =>
        {
            int at = int.MinValue;
            TestMachine? story = null;
            await using TestMachine machine = await TestMachine.CreateAsync(_ =>
            {
                if (++at == step)
                    Tool.Run("cp", "-a", Path.Combine(story!.Scratch, "state"), Path.Combine(story.Scratch, "night"));
            });
            story = machine;
            await PrepareAsync(machine, outside: argument == "outside");
            at = 0;
            await CrashedOperations.RunAsync(machine.Engine, TestMachine.Name, operation, argument.Length > 0 ? argument : machine.Repository);
            if (at < step)
                return false;
            at = int.MinValue;
            await machine.StopIfRunningAsync();
            await machine.WriteAsync("vda", 50, 20 * Grain, Grain);
            await machine.CheckpointAsync("later");
            await machine.WriteAsync("vda", 51, 22 * Grain, Grain);
            string active = await machine.ActivePathAsync("vda");
            byte[] content = machine.Content(active);
            Directory.Move(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "lost"));
            Directory.Move(Path.Combine(machine.Scratch, "night"), Path.Combine(machine.Scratch, "state"));

            Exception? told = await Record.ExceptionAsync(() => machine.CheckpointAsync("next"));

            Assert.True(told is null or MomentException, $"{where}: {told}");
            Assert.True(File.Exists(active), $"{where}: the guest's disk is gone");
            Assert.True(content.AsSpan().SequenceEqual(machine.Content(active)), $"{where}: the guest's disk is another");
            if (told is null && await machine.ActivePathAsync("vda") == active)
                await AssertNotTooSmallAsync(machine, where);
            return true;
        });
    }

    private static async Task PrepareAsync(TestMachine machine, bool outside)
    {
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("middle");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        if (outside)
            await machine.SnapshotAsync("outside", request => request with { DiskOnly = true });
        else
            await machine.SnapshotAsync("inside", request => request with { DiskOnly = true, Internal = true });
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
    }

    // What was written last is in each answer that spans it, or there is none.
    private static async Task AssertNotTooSmallAsync(TestMachine machine, string where)
    {
        try
        {
            IReadOnlyList<(long Offset, long Length)> told = await machine.BetweenAsync("base", "next");
            foreach (long block in (long[])[20, 22])
                Assert.True(told.Any(run => run.Offset <= block * Grain && run.Offset + run.Length >= (block + 1) * Grain), $"{where}: block {block} is missing");
        }
        catch (MomentException unknown)
        {
            Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        }
    }
}
