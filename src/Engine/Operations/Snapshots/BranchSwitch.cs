using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Brings a machine from the branch that it is on to another one whose tips are there already: its images are exchanged, its memory is kept
/// or loaded where that is wanted, and definition and metadata change with it as one.
/// </summary>
internal static class BranchSwitch
{
    /// <summary>The operation in the journal, whatever it is part of; <see cref="SwitchRecovery"/> sees to it after a crash.</summary>
    public const string Operation = "branch-switch";

    /// <param name="scope">The machine.</param>
    /// <param name="doing">What is done, as the rest of "Cannot …": "switch 'web1' to branch 'try'".</param>
    /// <param name="prepared">Its moments with the tips of the branch to go to; what else is to change with the switch is changed in them.</param>
    /// <param name="target">The branch to go to.</param>
    /// <param name="options">How it is left, and what the machine does afterwards.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops it until the machine is touched.</param>
    public static async Task RunAsync(
        ChangeScope scope, string doing, DomainMoments prepared, string target, SwitchOptions options, IOperationReport report, CancellationToken cancellation)
    {
        OwnerCheck.Require(scope.Domain, options.AcceptOwner, doing);
        if (InternalRestore.IsHere(prepared, target))
        {
            var inside = new InternalRestoreOptions { KeepMemory = options.KeepMemory, Goal = options.Running ? VMState.Running : options.Paused ? VMState.Paused : null };
            await new InternalRestore(new DomainCatalogue(scope.Place.StateRoot, ""), scope, report).SwitchAsync(prepared, target, inside, cancellation);
            return;
        }

        IReadOnlyList<string> disks = Moving(scope.State, prepared, target);
        IncomingMemory? memory = Memory(scope, prepared, target);
        await using DiskSwitch change = await DiskSwitch.OpenAsync(scope, disks, doing, report, cancellation);
        string? keep = options.KeepMemory ? MemoryFile(scope, change, options, report) : null;
        if (memory is not null || keep is not null)
            OwnerCheck.RefuseRestart(scope.Domain, doing);
        MadeFile[] made = keep is null ? [] : [new MadeFile(keep, null)];
        SwitchPlan plan = Plan(scope, prepared, target, keep, change.Runs) with
        {
            Power = options.Running ? MachinePower.Running : options.Paused ? MachinePower.Paused : memory is not null ? MachinePower.Running : MachinePower.AsBefore,
            Memory = memory,
            KeepMemory = keep,
        };
        if (memory is null && prepared.Branches.GetValueOrDefault(target) is { Running: true })
            report.Warning($"The disks {(Branch.IsHiddenName(target) ? "" : $"of branch '{target}' ")}of '{scope.Place.Name}' are as after a power cut: it was left, or begun, while the guest ran, and without its memory.");
        DateTimeOffset since = DateTimeOffset.UtcNow;
        using Journal journal = scope.Begin(Operation, new JsonObject { ["made"] = new JsonArray([.. made.Select(file => (JsonNode)file.ToJson())]) }, plan.Next);
        try
        {
            await change.RunAsync(journal, plan, cancellation);
        }
        catch
        {
            await change.UndoAsync(journal, made, since);
            throw;
        }

        RemoveUsed(scope, memory);
    }

    /// <summary>The disks whose images change.</summary>
    public static IReadOnlyList<string> Moving(DomainMoments now, DomainMoments prepared, string target) =>
    [
        .. prepared.Disks.Values.Where(disk => disk.Tips.TryGetValue(target, out TrackingTip? tip) && prepared.Present?.Contains(disk.Disk) != false
            && (now.Disk(disk.Disk).ActiveTip is not { } active || active.LayerId != tip.LayerId || tip.Saved is not null)).Select(disk => disk.Disk),
    ];

    /// <summary>The machine with a branch's images, and its moments on that branch.</summary>
    /// <param name="scope">The machine.</param>
    /// <param name="prepared">Its moments with the branch's tips.</param>
    /// <param name="target">The branch.</param>
    /// <param name="keptMemory">Where the memory of what is left is saved, or null.</param>
    /// <param name="runs">Whether the guest runs now.</param>
    public static SwitchPlan Plan(ChangeScope scope, DomainMoments prepared, string target, string? keptMemory, bool runs)
    {
        DomainMoments next = prepared.Activate(target);
        DomainDocument definition = scope.Domain;
        foreach (string name in Moving(scope.State, prepared, target))
        {
            DiskTracking disk = next.Disk(name);
            if (disk.ActiveTip!.Saved is { } tag)
                throw RestoreErrors.SavedTip(scope.Place.Name, target, name, disk.Layers[disk.ActiveTip.LayerId].Path, tag, disk.Tips.FirstOrDefault(tip => tip.Value.LayerId == disk.ActiveTip.LayerId && tip.Value.Saved is null).Key);
            TrackingLayer layer = disk.Layers[disk.ActiveTip.LayerId];
            definition = definition.WithDiskSource(name, layer.Path, layer.Facts?.Format ?? OverlayFile.Format);
            // The tip that is left may bear another name from now on.
            if (scope.State.Disk(name).ActiveTip is { } left && disk.Tips.FirstOrDefault(tip => tip.Value.PointId == left.PointId).Key is { } branch)
                next = next.With((next.Branches.GetValueOrDefault(branch) ?? new Branch(branch)) with { Memory = keptMemory, Running = runs && keptMemory is null });
        }

        return new SwitchPlan(definition, next.With(next.Branches[target] with { Memory = null, Running = false }));
    }

    private static IncomingMemory? Memory(ChangeScope scope, DomainMoments prepared, string target)
    {
        if (prepared.Branches.GetValueOrDefault(target) is not { Memory: { } path } branch)
            return null;
        var memory = new IncomingMemory(scope.Place.Name, path);
        memory.Check();
        // A branch that begins at a snapshot with memory has that one's; of what it was left with later only the machine itself can tell.
        if (branch.Start is { } start && scope.State.Moments.GetValueOrDefault(start) is { Document: SnapshotDocument { Memory: { } saved } } moment && saved.File == path)
            DefinitionFit.Require(scope.Place.Name, scope.Store.LoadWhole(moment).Document.Domain, scope.Domain);
        return memory;
    }

    private static string? MemoryFile(ChangeScope scope, DiskSwitch change, SwitchOptions options, IOperationReport report)
    {
        if (!change.Session.IsMachine)
        {
            report.Verbose($"'{scope.Place.Name}' is off: it has no memory to keep.");
            return null;
        }

        string beside = change.Session.Disks.Values.Select(disk => disk.Path).FirstOrDefault() ?? scope.Domain.Disks.First(disk => disk.SourcePath is not null).SourcePath!;
        string path = options.MemoryPath ?? OverlayFile.PathFor(beside, scope.Domain.Uuid!.Value, scope.State.ActiveBranch, ".mem", null);
        if (Path.Exists(path))
            throw new MomentException(FileErrors.FileExists, $"Cannot save the memory of '{scope.Place.Name}' in '{path}': there is a file of that name already, and none is ever overwritten.", path, "Name another file, or move the old one away.");
        return path;
    }

    // The machine has gone on from it; but the memory of a snapshot stays, and so does one that another branch goes on from.
    private static void RemoveUsed(ChangeScope scope, IncomingMemory? memory)
    {
        if (memory is not null)
            MemoryFiles.Remove(MemoryFiles.Unused(scope.State, [memory.Path]));
    }
}
