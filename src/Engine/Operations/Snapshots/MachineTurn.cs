using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// The steps of an <see cref="ImageTurn"/> in a running QEMU, each of which can be repeated: a process that finds half of it done walks the
/// same way. Nothing here is cancelled: it is quick, and the guest stands still.
/// </summary>
internal sealed class MachineTurn(QmpClient qmp, ImageTurn turn, string id)
{
    private readonly QmpJobs _jobs = new(qmp);

    /// <summary>Opens what stands in for the images while they are let go.</summary>
    public async Task PrepareAsync()
    {
        if (turn.Mode != TurnMode.Exchange)
            return;
        HashSet<string> nodes = [.. (await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Select(node => node.NodeName)];
        for (int number = 0; number < turn.Steps.Count; number++)
            if (!nodes.Contains(StandIn(number)))
                await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "null-co", ["node-name"] = StandIn(number), ["size"] = turn.Steps[number].OldSize }, CancellationToken.None);
    }

    /// <summary>Puts the devices onto what stands in for the images; where one refuses, all stay where they were.</summary>
    public async Task DetachAsync()
    {
        if (turn.Mode != TurnMode.Exchange)
            return;
        try
        {
            await SwitchAsync(StandIn);
        }
        catch (MomentException)
        {
            await SwitchAsync(number => turn.Steps[number].Node);
            throw;
        }
    }

    /// <summary>Makes the snapshot's content the disks'. The job of a load that failed stays in QEMU's list: it is the evidence.</summary>
    /// <exception cref="MomentException"><c>QmpJobFailed</c> with QEMU's words.</exception>
    public async Task LoadAsync()
    {
        if (turn.Mode == TurnMode.Memory)
            await LoadMemoryAsync();
        else
            await ExchangeAsync();
    }

    /// <summary>Begins to record, at the new place or the old one, where that is not done yet.</summary>
    public async Task OpenAsync(IReadOnlyList<BitmapRef> full, bool back)
    {
        HashSet<(string, string)> present = await BitmapsAsync();
        TransactionAction[] actions = [.. turn.Steps.Zip(full)
            .Where(pair => (back ? pair.First.BackMark : pair.First.Mark) is { } mark && !present.Contains((pair.First.Node, mark)))
            .SelectMany(pair => back ? pair.First.BackActions(pair.Second) : pair.First.OpenActions(pair.Second))];
        if (actions.Length > 0)
            await qmp.TransactionAsync(actions, CancellationToken.None);
    }

    /// <summary>Puts the devices back onto their images, and resets the guest, which finds another disk.</summary>
    /// <param name="place">The machine.</param>
    /// <param name="reset">Whether the content is another one.</param>
    public async Task AttachAsync(DomainPlace place, bool reset)
    {
        if (turn.Mode != TurnMode.Exchange)
            return;
        await SwitchAsync(number => turn.Steps[number].Node);
        if (reset)
            await MachineReset.RunAsync(qmp, place, CancellationToken.None);
    }

    /// <summary>Closes what was opened only for this, and puts the jobs away.</summary>
    public async Task TidyAsync()
    {
        await Leftovers.RemoveJobsAsync(qmp, _jobs, id, CancellationToken.None);
    }

    /// <summary>Takes out what lies on the nodes; what is gone already is passed over.</summary>
    public async Task RemoveAsync()
    {
        HashSet<(string, string)> present = await BitmapsAsync();
        TransactionAction[] actions = [.. turn.Steps
            .SelectMany(step => step.Removed.Append(ImageTurn.Copy(id)).Append(step.BackOpened).Append(step.BackMark).OfType<string>().Select(name => (step.Node, Name: name)))
            .Where(present.Contains).Select(bitmap => TransactionAction.BitmapRemove(bitmap.Node, bitmap.Name))];
        if (actions.Length > 0)
            await qmp.TransactionAsync(actions, CancellationToken.None);
    }

    /// <summary>The named bitmaps that are there: node and name.</summary>
    public async Task<HashSet<(string Node, string Name)>> BitmapsAsync() =>
        [.. (await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).SelectMany(node => node.DirtyBitmaps.Where(bitmap => bitmap.Name is not null).Select(bitmap => (node.NodeName, bitmap.Name!)))];

    private string StandIn(int number) => $"mt-{id}-x{number}";

    private async Task LoadMemoryAsync()
    {
        string job = ImageTurn.LoadJob(id);
        await qmp.SnapshotLoadAsync(job, turn.Steps[0].Tag, turn.MemoryNode!, turn.Steps.Select(step => step.Node), CancellationToken.None);
        QmpJobInfo ended = await _jobs.WaitUntilAsync(job, _ => false, null, CancellationToken.None);
        if (ended.Error is not null)
            throw QmpErrors.JobFailed(ended);
    }

    private async Task ExchangeAsync()
    {
        HashSet<string> nodes = [.. (await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Select(node => node.NodeName)];
        await Task.WhenAll(turn.Steps.Select(async step =>
        {
            if (nodes.Contains(step.Node))
                await qmp.BlockdevDelAsync(step.Node, CancellationToken.None);
            await ImageTool.ApplySnapshotAsync(step.Disk, step.Path, step.SnapshotId);
            await qmp.BlockdevAddAsync((JsonObject)step.Reopen!.DeepClone(), CancellationToken.None);
        }));
    }

    // A device that is put onto the node it has makes QEMU 7.2 abort.
    private async Task SwitchAsync(Func<int, string> target)
    {
        IReadOnlyList<QmpBlockDevice> devices = await qmp.QueryBlockAsync(CancellationToken.None);
        for (int number = 0; number < turn.Steps.Count; number++)
        {
            string path = turn.Steps[number].QomPath!, node = target(number);
            if (devices.FirstOrDefault(device => device.QomPath == path)?.Inserted?.NodeName != node)
                await qmp.ExecuteAsync("qom-set", new JsonObject { ["path"] = path, ["property"] = "drive", ["value"] = node }, CancellationToken.None);
        }
    }
}
