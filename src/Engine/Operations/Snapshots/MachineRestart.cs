using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Gives a machine other images by ending its QEMU and starting it with another definition, perhaps with a saved memory; or, where it is
/// off and stays so, by its definition alone.
/// </summary>
internal sealed class MachineRestart(ChangeScope scope, BlockSession session, QmpStatus? before, IOperationReport report)
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    private string Vm => scope.Place.Name;

    /// <summary>Whether the decision was begun: a failure after that leaves it to the next command to see whether it was written.</summary>
    public bool Deciding { get; private set; }

    /// <summary>Whether a machine may still have the new images, or its guest is in the file of the saved memory alone: then nothing of it may go yet.</summary>
    public bool Unsettled { get; private set; }

    private bool Ran => before?.Running == true;

    public async Task RunAsync(Journal journal, SwitchPlan plan, FileChanges changes, CancellationToken cancellation)
    {
        bool start = plan.Power switch
        {
            MachinePower.Running or MachinePower.Paused => true,
            MachinePower.Stopped => false,
            _ => before is not null || plan.Memory is not null,
        };
        bool run = plan.Power == MachinePower.Running || (plan.Power == MachinePower.AsBefore && Ran);
        journal.Extend(new JsonObject { ["kind"] = SwitchRecovery.Restart, ["ran"] = Ran, ["disks"] = Images(plan), ["commit"] = changes.ToJson() });
        bool ended = false, started = false;
        Journal? hold = null;
        try
        {
            journal.Pass("end");
            ended = await EndAsync(journal, plan, cancellation);
            journal.Pass("start");
            if (start)
            {
                IReadOnlyList<string> warnings = (await new MachineLauncher(scope.Place, plan.Definition).StartAsync(paused: true, plan.Memory, check: null, cancellation)).Warnings;
                Unsettled = started = true;
                foreach (string warning in warnings)
                    report.Warning(warning);
                hold = HeldMachine.Begin(scope, run, []);
            }

            journal.Pass("decide");
            Deciding = true;
            scope.Commit(journal, plan.Next, (DomainCatalogue.DocumentName, changes.Files[DomainCatalogue.DocumentName]!));
        }
        catch (Exception failure) when (!Deciding)
        {
            string where = await PutBackAsync(plan, started, ended, hold);
            hold?.Dispose();
            throw ended && failure is MomentException known ? RestoreErrors.PutBack(known, where) : failure;
        }

        using (hold)
        {
            if (hold is null)
                return;
            hold.Pass("go on");
            if (run)
                await ContinueAsync();
            hold.End();
        }
    }

    // The disk's name and the image that it gets: what a machine has that another process left is told by that.
    private static JsonArray Images(SwitchPlan plan) =>
        [.. plan.Definition.Disks.Where(disk => disk.SourcePath is not null).Select(disk => (JsonNode)new JsonObject { ["disk"] = disk.Target, ["path"] = disk.SourcePath })];

    /// <returns>Whether a machine was ended.</returns>
    private async Task<bool> EndAsync(Journal journal, SwitchPlan plan, CancellationToken cancellation)
    {
        if (before is not null && plan.KeepMemory is { } path)
        {
            await MemorySaving.SaveAsync(session, path, atSwitchover: null, live: false, goOn: false, progress: null, cancellation);
            // From here on the guest is in that file: whoever undoes this lets it go on from there.
            journal.Extend(new JsonObject { [SwitchRecovery.Kept] = path });
        }

        await session.CloseAsync(CancellationToken.None);
        if (before is null)
            return false;
        foreach (string warning in await new MachineStopper(scope.Place, scope.Domain).StopAsync(force: true, StopLimit, CancellationToken.None))
            report.Warning(warning);
        return true;
    }

    /// <returns>What became of the machine, as a sentence.</returns>
    private async Task<string> PutBackAsync(SwitchPlan plan, bool started, bool ended, Journal? hold)
    {
        if (started && MachineProbe.ProcessOf(scope.Place) is not null)
            await new MachineStopper(scope.Place, plan.Definition).StopAsync(force: true, StopLimit, CancellationToken.None);
        hold?.End();
        Unsettled = !ended && before is not null && plan.KeepMemory is not null;
        if (Unsettled && MachineProbe.ProcessOf(scope.Place) is not null)
        {
            // Its memory may be saved already, and then it stands still for good.
            await session.DisposeAsync();
            await SwitchRecovery.GoOnAsync(scope.Place, scope.Domain, Ran, CancellationToken.None);
            Unsettled = false;
        }

        if (!ended)
            return "";
        try
        {
            IncomingMemory? memory = plan.KeepMemory is { } path ? new IncomingMemory(Vm, path) : null;
            await new MachineLauncher(scope.Place, scope.Domain).StartAsync(paused: !Ran, memory, check: null, CancellationToken.None);
            return memory is not null ? $"'{Vm}' goes on where it was, on the images that it had."
                : $"'{Vm}' was started again on the images that it had, and {(Ran ? "boots" : "is paused before its boot")}: what its guest held in memory is lost, as after a power cut.";
        }
        catch (MomentException failure)
        {
            Unsettled = plan.KeepMemory is not null;
            return $"'{Vm}' has the images that it had and is stopped: it could not be started again. {failure.Message}"
                + (Unsettled ? $" What its guest held in memory is in '{plan.KeepMemory}', and the next command that changes '{Vm}' lets it go on from there." : "");
        }
    }

    private async Task ContinueAsync()
    {
        await using QmpClient qmp = await QmpClient.ConnectAsync(MachineProbe.Find(scope.Place, scope.Domain).Monitor ?? throw MachineErrors.NotRunning(Vm), CancellationToken.None);
        await qmp.ContAsync(CancellationToken.None);
    }
}
