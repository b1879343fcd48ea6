using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Repairs;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Repairs;

public sealed class OvertakenRepairTests
{
    [SkippableFact]
    public async Task AnImageThatSomebodyChangesMeanwhileIsNotEditedByTheOldPlan()
    {
        string late = "";
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == $"{MomentRepair.Operation}:open" && late.Length > 0)
                Tool.Run("qemu-img", "bitmap", "--add", "--disable", late, "late");
        });
        await machine.CheckpointAsync("a");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 65536);
        await machine.CheckpointAsync("b");
        await machine.KillMachineAsync();
        late = machine.DiskPath("vda");

        MomentException failure = await Expect.FailsAsync(
            OperationErrors.RepairOvertaken, () => machine.RepairAsync());

        Assert.Contains("'vda'", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"'{late}'", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        late = "";
        // As the advice says.
        await machine.RepairAsync();
        await machine.CheckpointAsync("c");
    }
}
