using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>Looks at the disks of a domain, running or stopped, and has each judged.</summary>
/// <param name="place">Where the domain's files are.</param>
/// <param name="domain">Its definition.</param>
/// <param name="state">Its moments.</param>
/// <param name="broken">The names of moments whose files could not be loaded.</param>
/// <param name="isSaved">Whether a sidecar has a disk's segment, whole.</param>
internal sealed class DiskSurvey(DomainPlace place, DomainDocument domain, DomainMoments state, IReadOnlySet<string> broken, Func<string, string, bool> isSaved)
{
    private readonly Dictionary<string, ObservedLayer> _seen = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Disk, string Layer), ObservedLayer> _far = [];

    public async Task RunAsync(IReadOnlyList<DomainDisk> disks, FindingList findings, IOperationReport report, CancellationToken cancellation)
    {
        MachineProbe machine = await MachineProbe.RunAsync(place, domain, cancellation);
        bool runs = machine.State != VMState.Stopped;
        if (machine.Trouble is { } trouble)
            findings.Add(FindingIds.MachineUnreachable, FindingList.Warning,
                $"'{domain.Name}' may be running and does not answer, so the bitmaps of its disks cannot be judged. {trouble.Message}", trouble.Advice ?? "Try again when its monitor is free.");
        await using BlockSession? session = runs && machine.Trouble is null
            ? await BlockSession.OpenAsync(place, domain, [], BlockAccess.Read, cancellation) : null;
        foreach (DomainDisk disk in disks)
        {
            DiskTracking tracking = state.Disk(disk.Target);
            if (disk.SourcePath is not { } path || (tracking.ActiveTip is null && disk.Format != "qcow2"))
                continue;
            report.Verbose($"Looking at disk '{disk.Target}' of '{domain.Name}': '{path}'.");
            (ObservedLayer? live, MomentException? liveTrouble) = session is null ? (null, null) : await AskAsync(session, disk, cancellation);
            DiskLook look = await DiskLook.TakeAsync(tracking, path, disk.Format ?? "qcow2", live, liveTrouble, runs, cancellation);
            // While a machine runs, its files have the bitmaps as of its start: without its word they say nothing.
            if (machine.Trouble is not null)
                look = look with { Stored = null };
            if ((look.Live ?? look.Stored) is { } seen)
                _seen[disk.Target] = seen;
            DiskFacts facts = Facts(tracking);
            DiskCheck.Run(facts, look, findings);
            await new BranchSurvey(tracking, findings).RunAsync(cancellation);
            await CheckSnapshotsAsync(disk, look, findings, cancellation);
            await CheckFrozenAsync(facts, findings, cancellation);
        }
    }

    /// <summary>What is known beside a disk's image.</summary>
    public DiskFacts Facts(DiskTracking tracking)
    {
        bool gap = tracking.Points.Values.Any(point => point.ParentId is { } parent && !tracking.Points.ContainsKey(parent));
        return new DiskFacts(
            tracking,
            new HashSet<string>(state.Moments.Keys.Select(key => key.Name).Concat(broken), StringComparer.Ordinal),
            broken.Count > 0 || gap,
            sidecar => isSaved(sidecar, tracking.Disk));
    }

    /// <summary>Whether a closed bitmap was seen and proven, so that its saved copy is not needed now.</summary>
    public bool IsThere(DiskTracking tracking, SegmentSource.Bitmap bitmap) =>
        FrozenBitmap.Find(tracking, bitmap) is { } far
            ? !_far.TryGetValue((tracking.Disk, bitmap.LayerId), out ObservedLayer? there) || far.IsProven(there)
            : !_seen.TryGetValue(tracking.Disk, out ObservedLayer? seen) || new TrackingProof(tracking, seen).IsProven(bitmap);

    private async Task<(ObservedLayer?, MomentException?)> AskAsync(BlockSession session, DomainDisk disk, CancellationToken cancellation)
    {
        // It stopped in this very moment, and the session is that of a storage daemon: the files tell.
        if (!session.IsMachine)
            return (null, null);
        try
        {
            SessionDisk found = (await new MachineDisks(session.Qmp, domain).ResolveAsync([disk], cancellation))[disk.Target];
            return (ObservedLayer.From(found.Path, found.VirtualSize, found.Bitmaps), null);
        }
        catch (MomentException failure) when (failure.ErrorId == DiskErrors.DiskChanged || failure.ErrorId == DiskErrors.DiskNotInMachine)
        {
            return (null, failure);
        }
    }

    private async Task CheckSnapshotsAsync(DomainDisk disk, DiskLook look, FindingList findings, CancellationToken cancellation)
    {
        DiskTracking tracking = state.Disk(disk.Target);
        var there = new Dictionary<string, IReadOnlyList<Qcow2Snapshot>?>(StringComparer.Ordinal) { [look.Path] = look.Header is null ? null : look.Snapshots };
        foreach (StoredMoment moment in state.Moments.Values.Where(moment => moment.Document is SnapshotDocument snapshot && snapshot.Disks.Any(one => one.Name == disk.Target && one.Mode == SnapshotMode.Internal)))
        {
            // It may lie on a layer that other snapshots were put on since.
            TrackingPoint? point = tracking.PointOf(moment.Key);
            string path = point is not null && point.LayerId != tracking.ActiveTip?.LayerId && tracking.Layers.GetValueOrDefault(point.LayerId) is { } layer ? layer.Path : look.Path;
            if (!there.TryGetValue(path, out IReadOnlyList<Qcow2Snapshot>? snapshots))
                there.Add(path, snapshots = await SnapshotsAsync(path, cancellation));
            if (snapshots is null)
                continue;
            Qcow2Snapshot[] named = [.. snapshots.Where(snapshot => snapshot.Name == moment.Key.Name)];
            if (named.Length == 0)
                findings.Add(FindingIds.SnapshotMissing, FindingList.Error,
                    $"The internal snapshot '{moment.Key.Name}' is not in the image of disk '{disk.Target}' ('{path}') any more: there is nothing to go back to.",
                    Forgets(findings, moment), moment.Key.Name, disk.Target, path);
            else if (point?.Inside is { } known && !named.Any(snapshot => snapshot.Identity == known))
                findings.Add(FindingIds.SnapshotMissing, FindingList.Error,
                    $"The internal snapshot '{moment.Key.Name}' in the image of disk '{disk.Target}' ('{path}') was made anew with another tool, on {named[0].Created.ToLocalTime():yyyy-MM-dd HH:mm}: it is another state, and there is nothing to go back to.",
                    Forgets(findings, moment), moment.Key.Name, disk.Target, path);
        }
    }

    private static string Forgets(FindingList findings, StoredMoment moment) => $"'Remove-VMMoment {findings.Vm} {FindingList.Word(moment.Key.Name)} -MetadataOnly' forgets it.";

    // An image that cannot be read is told of where it is missed.
    private static async Task<IReadOnlyList<Qcow2Snapshot>?> SnapshotsAsync(string path, CancellationToken cancellation)
    {
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
            return await image.SnapshotsAsync(cancellation);
        }
        catch (MomentException)
        {
            return null;
        }
    }

    // Closed segments may lie on layers that are not written to any more.
    private async Task CheckFrozenAsync(DiskFacts facts, FindingList findings, CancellationToken cancellation)
    {
        DiskTracking tracking = facts.Tracking;
        IEnumerable<string> layers = tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>().Select(source => source.LayerId)
            .Where(id => id != tracking.ActiveTip?.LayerId).Distinct(StringComparer.Ordinal);
        foreach (string id in layers.Where(tracking.Layers.ContainsKey))
        {
            string path = tracking.Layers[id].Path;
            try
            {
                BitmapCheck.RunFrozen(facts, id, _far[(tracking.Disk, id)] = await ObservedLayer.ReadAsync(path, cancellation), findings);
            }
            catch (MomentException failure)
            {
                if (BranchSurvey.IsTold(findings, tracking.Disk, path))
                    continue;
                findings.Add(FindingIds.LayerMissing, FindingList.Error,
                    $"The image '{path}', which holds closed history of disk '{tracking.Disk}', cannot be read. {failure.Message}",
                    "Put the file back; until then what is saved beside it serves, and the rest is unknown.", disk: tracking.Disk, layer: path);
            }
        }
    }
}
