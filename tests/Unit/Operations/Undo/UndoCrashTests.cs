using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Undo;

/// <summary>An undo, and the use of a snapshot there and back, killed at each step: the next command leaves the machine on its branch with all its bytes.</summary>
[Trait("Proof", "crash")]
public sealed class UndoCrashTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData("use", false)]
    [InlineData("use", true)]
    [InlineData("undo", false)]
    [InlineData("undo", true)]
    public async Task AProcessKilledAtAnyStepLosesNothing(string operation, bool running)
    {
        await CrashHarness.RunAsync(output, $"{operation}, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await UndoMachine.CreateAsync(diskOnly: running);
            if (operation == "undo")
                await UndoMachine.RestoreAsync(machine);
            if (running)
                await machine.StartAsync();
            if (running && operation == "use")
                await UndoMachine.PokeAsync(machine, 0x5a);
            string[] files = UndoMachine.Images(machine);
            if (!machine.Dies(step, operation, "clean"))
                return false;

            await machine.CheckpointAsync("after");
            if (operation == "use")
            {
                if (running)
                    Assert.True(await UndoMachine.PeekAsync(machine) == 0x5a, $"{where}: the memory is another one");
                Assert.True(await UndoMachine.BlocksAsync(machine) == "100020000000", where);
                Assert.True(files.SequenceEqual(UndoMachine.Images(machine), StringComparer.Ordinal), $"{where}: {string.Join(' ', UndoMachine.Images(machine))}");
            }
            else
            {
                // Before the decision it did not happen; after it, it can be undone in its turn.
                string blocks = await UndoMachine.BlocksAsync(machine);
                Assert.True(blocks is "100020000000" or "100000000000", $"{where}: {blocks}");
                await UndoMachine.UndoAsync(machine);
                string other = await UndoMachine.BlocksAsync(machine);
                Assert.True(other != blocks && other is "100020000000" or "100000000000", $"{where}: {blocks}, then {other}");
            }

            await UndoMachine.AssertSoundAsync(machine, where);
            return true;
        });
    }
}
