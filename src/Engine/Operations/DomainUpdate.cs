using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Register-VMDomain -Update: another definition for a domain that is known, its moments kept. Each disk's history stands for itself: one
/// that is new has none yet, one that is gone keeps what it has, one whose image was moved is known again by the mark in it.
/// </summary>
internal sealed class DomainUpdate(EngineContext context)
{
    public const string Operation = "domain-update";
    private const string DocumentFile = "domain.xml";

    public async Task<DomainPlace> RunAsync(RegisterDomainRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainDocument given = await DomainLifeOperations.DefinitionAsync(request, report, cancellation);
        using ChangeScope scope = await ChangeScope.OpenAsync(context, given.Name, "Register-VMDomain -Update", report, cancellation);
        if (MachineProbe.ProcessOf(scope.Place) is { } process)
            throw new MomentException(MachineErrors.VMRunning, $"Cannot update domain '{given.Name}': it runs, as process {process.Id}, with the definition it has.", given.Name, "Stop it first.");
        ServedDisks served = ServedDisks.Of(scope.Place);
        served.Refuse(served.Names, $"update domain '{given.Name}'");
        DomainDocument domain = request.Xml is null ? AttachedUpdate.Merge(scope.Domain, given, scope.State.Disks.Keys) : Completed(scope.Domain, given);
        if (request.AcceptBacking)
            domain = await BackingGate.AcceptAsync(domain, cancellation);
        await BackingGate.RequireAsync(domain, scope.State, $"update domain '{given.Name}'", cancellation);
        DomainMoments next = scope.State;
        foreach (DomainDisk disk in domain.Disks)
        {
            DiskTracking followed = await FollowAsync(domain, disk, next.Disk(disk.Target), report, cancellation);
            next = next.With(await LayerFollow.RunAsync(followed, report, cancellation));
            if (followed.ActiveBranch != scope.State.Disk(disk.Target).ActiveBranch)
                next = LayerFollow.Settled(next, followed.ActiveBranch);
        }

        Tell(scope.Domain, domain, scope.State, report);
        using Journal journal = scope.Begin(Operation, [], next);
        scope.Commit(journal, next, (DocumentFile, domain.ToXml(secure: true)));
        return scope.Place;
    }

    // The same machine, or none: its moments would be those of another.
    private static DomainDocument Completed(DomainDocument known, DomainDocument given)
    {
        DomainDocument domain = given.Uuid is null ? given.WithUuid(known.Uuid!.Value) : given;
        if (domain.Uuid != known.Uuid)
            throw new MomentException(
                OperationErrors.VMUpdateMismatch, $"Cannot update domain '{known.Name}': it has the UUID {known.Uuid:D}, and the new definition is that of a machine with {domain.Uuid:D}.", known.Name,
                "Put the domain's UUID into the definition, or register the other machine under a name of its own.");
        return domain.Monitor is null && known.Monitor is { } monitor ? domain.WithMonitor(monitor) : domain;
    }

    /// <summary>The disk's tracking on the image that it has now, where that holds the mark of the recorded state; else as it was, which blocks changes to it.</summary>
    private static async Task<DiskTracking> FollowAsync(DomainDocument domain, DomainDisk disk, DiskTracking tracking, IOperationReport report, CancellationToken cancellation)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Layers[tip.LayerId] is not { } layer || layer.Path == disk.SourcePath)
            return tracking;
        if (disk.SourcePath is { } other && LayerFollow.BranchAt(tracking, other) is { } branch)
        {
            report.Warning($"Disk '{disk.Target}' of '{domain.Name}' has the image of branch '{branch}' in the new definition: the machine is on that branch from now on. Switch-VMBranch does the same, with the machine's state.");
            return tracking.Activate(branch);
        }

        string? doubt = disk is { Format: "qcow2", SourcePath: { } path } && domain.Monitor is null ? await DoubtAsync(tracking, path, cancellation) : "only the file of a stopped machine can be looked at";
        if (doubt is null)
        {
            report.Verbose($"Disk '{disk.Target}' of '{domain.Name}': '{disk.SourcePath}' holds the state that was recorded in '{layer.Path}', and takes its place.");
            return tracking.WithLayer(layer with { Path = disk.SourcePath! });
        }

        report.Warning(
            $"Disk '{disk.Target}' of '{domain.Name}' has another image now: '{disk.SourcePath}', where '{layer.Path}' is recorded, and it is not known to hold the same state ({doubt}). "
            + "Changes to this disk's moments are refused until the recorded image is back; leave it out of checkpoints and backups with -Disk.");
        return tracking;
    }

    private static async Task<string?> DoubtAsync(DiskTracking tracking, string path, CancellationToken cancellation)
    {
        try
        {
            return new TrackingProof(tracking, await ObservedLayer.ReadAsync(path, cancellation)).OwnDoubt;
        }
        catch (MomentException failure)
        {
            return failure.Message.TrimEnd('.');
        }
    }

    private static void Tell(DomainDocument before, DomainDocument after, DomainMoments state, IOperationReport report)
    {
        foreach (DomainDisk gone in before.Disks.Where(disk => after.FindDisk(disk.Target) is null))
            report.Verbose($"Disk '{gone.Target}' is no longer one of '{after.Name}'{(state.Disk(gone.Target).ActiveTip is null ? "" : "; its moments still list it")}.");
        foreach (DomainDisk added in after.Disks.Where(disk => before.FindDisk(disk.Target) is null))
        {
            string? former = before.Disks.FirstOrDefault(disk => disk.SourcePath == added.SourcePath && after.FindDisk(disk.Target) is null && state.Disk(disk.Target).ActiveTip is not null)?.Target;
            if (former is not null)
                report.Warning($"Disk '{added.Target}' of '{after.Name}' has the image that was disk '{former}'. The history stays under the old name and begins anew under the new one; give the disk its name back to go on with it.");
            else
                report.Verbose($"Disk '{added.Target}' is new in '{after.Name}'; the next checkpoint covers it.");
        }
    }
}
