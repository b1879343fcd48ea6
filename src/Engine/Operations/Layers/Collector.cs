using MomentTools.Machines;
using MomentTools.Operations.Serving;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Lets go what is no longer kept for Undo, removes files that nothing stands on, and merges layers that nothing needs for itself, one operation
/// after the other until nothing is left to do. Each can be interrupted, by whatever, and the next run goes on from there.
/// </summary>
internal static class Collector
{
    public static async Task<CollectorOutcome> RunAsync(ChangeScope scope, CollectorLimits limits, IOperationReport report, CancellationToken cancellation)
    {
        List<(string Path, long Bytes)> removed = [];
        // What a file says that cannot be read may be that it needs all of this.
        if (scope.State.BrokenBranches.Concat(scope.State.Broken.Select(key => key.ToString())).FirstOrDefault() is { } broken)
        {
            report.Warning($"Nothing of what '{scope.Place.Name}' no longer needs is collected: the file of '{broken}' cannot be read, and may be what needs it. Test-VMMoment -Detailed tells more.");
            return new CollectorOutcome(removed, []);
        }

        if (scope.Store.SetAside() is [string aside, ..])
        {
            report.Warning($"Nothing of what '{scope.Place.Name}' no longer needs is collected: '{aside}' was set aside because it could not be read, and may be what needs it. Mend it and put it back, or remove it from there.");
            return new CollectorOutcome(removed, []);
        }

        // What a merge that was finished after a crash has left undescribed.
        foreach (string known in scope.State.Disks.Keys.ToArray())
            await LayerThaw.RestoreAsync(scope, known, cancellation);
        await LettingGo.RunAsync(scope, limits.LetGo, removed, report, cancellation);
        if (scope.State.Disks.Values.All(disk => disk.Layers.Values.All(layer => !layer.Made && layer.FrozenTop is null)))
            return new CollectorOutcome(removed, []);
        var dependencies = new Dependencies(new DomainCatalogue(scope.Place.StateRoot, ""));
        HashSet<string> stays = new(StringComparer.Ordinal);
        while (true)
        {
            ImageGraph graph = await dependencies.ScanAsync(scope.State, cancellation);
            (string Disk, LayerStep Step)[] all = [.. scope.State.Disks.Values.SelectMany(disk => LayerPlan.Of(disk, scope.Domain.FindDisk(disk.Disk)?.SourcePath, graph, limits.Pull).Select(step => (disk.Disk, Allowed(scope, graph, disk.Disk, step, limits))))];
            (string Disk, LayerStep Step)[] todo = [.. all.Where(one => IsToDo(one.Step, limits) && !stays.Contains(one.Step.Layer.Id))];
            // Of files that go, the highest first: what it stands on may go as well, but not under it.
            int next = Array.FindLastIndex(todo, one => one.Step.Kind is LayerStepKind.Unlink or LayerStepKind.Forget);
            if (todo.ElementAtOrDefault(Math.Max(next, 0)) is not { Step: { } step, Disk: { } disk })
                return new CollectorOutcome(removed, [.. all.Where(one => one.Step.Kind == LayerStepKind.Keep)]);
            switch (step.Kind)
            {
                case LayerStepKind.Unlink:
                    if (await new LayerRemoval(scope, disk, dependencies, report).RunAsync(step.Layer, cancellation) is { } bytes)
                        removed.Add((step.Layer.Path, bytes));
                    else
                        stays.Add(step.Layer.Id);
                    break;
                case LayerStepKind.Forget:
                    await new LayerRemoval(scope, disk, dependencies, report).ForgetAsync(step.Layer, cancellation);
                    break;
                case LayerStepKind.Commit:
                    report.Verbose($"Merging '{step.Child!.Path}' of disk '{disk}' into '{step.Layer.Path}'.");
                    await new LayerMerge(scope, disk, report).RunAsync(step.Layer, step.Child, cancellation);
                    break;
                default:
                    report.Verbose($"Copying what '{step.Child!.Path}' of disk '{disk}' reads from '{step.Layer.Path}' into it.");
                    await new LayerPull(scope, disk, report).RunAsync(step.Layer, step.Child, cancellation);
                    break;
            }
        }
    }

    private static bool IsToDo(LayerStep step, CollectorLimits limits) => step.Kind switch
    {
        LayerStepKind.Unlink or LayerStepKind.Forget => true,
        LayerStepKind.Commit or LayerStepKind.Pull => limits.Merge,
        _ => false,
    };

    private static LayerStep Allowed(ChangeScope scope, ImageGraph graph, string disk, LayerStep step, CollectorLimits limits)
    {
        if (step.Kind is not (LayerStepKind.Commit or LayerStepKind.Pull))
            return step;
        if (ServedDisks.Of(scope.Place).UserOf(disk) is { } user)
            return Keep($"{user.Words} is on the disk ({user.Command} ends it)");
        if (scope.Domain.Monitor is not null && !limits.AcceptOwner)
            return Keep("the machine was started by somebody else, who has to know that its images change (-AcceptOwner)");
        // QEMU has no way to make a layer smaller that a guest stands on.
        return step.Kind == LayerStepKind.Commit && graph.Find(step.Layer.Path) is { } into && graph.Find(step.Child!.Path) is { } child && into.Size > child.Size
            && MachineProbe.Find(scope.Place, scope.Domain).Monitor is not null ? Keep("the disk was made smaller since; it is merged when the machine is stopped") : step;

        LayerStep Keep(string reason) => step with { Kind = LayerStepKind.Keep, Child = null, Reason = reason };
    }
}
