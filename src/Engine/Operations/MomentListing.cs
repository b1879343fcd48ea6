using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Branches;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Get-VMMoment and Get-VMCheckpoint: the moments with what became of their bitmaps, from a running or a stopped machine, without a lock.</summary>
internal sealed class MomentListing(EngineContext context)
{
    public async Task<IReadOnlyList<VMMoment>> RunAsync(string vm, MomentQuery query, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        DomainMoments state = store.Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        IReadOnlyList<Moment> nameless = query.NoMetadata ? await WithoutMetadataAsync(vm, domain, state, report, cancellation) : [];
        MomentTree tree = state.Tree(out IReadOnlyList<MomentTreeFault> faults, nameless);
        foreach (MomentTreeFault fault in faults)
            Report(fault, state, report);
        MomentFilter filter = Filter(query, tree);
        IReadOnlyList<Moment> moments = filter.Apply(tree);
        ReportMissing(filter, tree, report);
        IReadOnlyDictionary<string, ObservedLayer> seen = moments.Count == 0 || query.NoMetadata
            ? new Dictionary<string, ObservedLayer>(StringComparer.Ordinal) : await LookAsync(place, domain, state, report, cancellation);
        var results = new MomentResults(vm, state, tree, seen, store.Segments);
        List<VMMoment> found = [.. moments.Select(moment => results.Of(moment))];
        found = await WithCleanAsync(place, domain, state, found, cancellation);
        if (query.Size)
            found = await WithSizesAsync(vm, found, report, cancellation);
        return query.Tree ? Drawn(tree, query, found) : found;
    }

    /// <summary>Bitmaps and internal snapshots in the images, each as a moment of which little more is known than its name and disks; those that have metadata are left out later.</summary>
    private async Task<IReadOnlyList<Moment>> WithoutMetadataAsync(string vm, DomainDocument domain, DomainMoments state, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<VMBitmap> bitmaps = await new BitmapListing(context).RunAsync(vm, [], report, cancellation);
        IReadOnlyList<Moment> snapshots = await ImageSnapshots.ReadAsync(domain, failure => report.Warning(failure.Message), cancellation);
        // A branch's tip may lie inside the images: the branch names it.
        HashSet<string> tips = [.. state.Disks.Values.SelectMany(disk => disk.Tips.Values).Select(tip => tip.Saved).OfType<string>()];
        return [.. snapshots.Where(snapshot => !tips.Contains(snapshot.Name)), .. bitmaps.Where(bitmap => bitmap.Owner is null).GroupBy(bitmap => bitmap.Name, StringComparer.Ordinal).Select(group => new Moment
        {
            Kind = MomentKind.Checkpoint,
            Name = group.Key,
            Id = group.Key,
            Created = DateTimeOffset.UnixEpoch,
            HasMetadata = false,
            Disks = [.. group.DistinctBy(bitmap => bitmap.Disk, StringComparer.Ordinal).Select(bitmap => new MomentDisk(bitmap.Disk!, true, null, null, 0))],
        })];
    }

    /// <summary>What is really on the disks that are tracked; a disk that cannot be looked at is told, and its bitmaps' state is unknown.</summary>
    public static Task<IReadOnlyDictionary<string, ObservedLayer>> LookAsync(
        DomainPlace place, DomainDocument domain, DomainMoments state, IOperationReport report, CancellationToken cancellation) =>
        LookAsync(place, domain, state, [.. domain.Disks.Select(disk => disk.Target).Where(disk => state.Disk(disk).ActiveTip is not null)], report, cancellation);

    /// <summary>What is really on some disks of the machine.</summary>
    public static async Task<IReadOnlyDictionary<string, ObservedLayer>> LookAsync(
        DomainPlace place, DomainDocument domain, DomainMoments state, IReadOnlyCollection<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        Dictionary<string, ObservedLayer> seen = new(StringComparer.Ordinal);
        if (disks.Count == 0)
            return seen;
        try
        {
            if ((await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped)
            {
                await using BlockSession session = await BlockSession.OpenAsync(place, domain, disks, BlockAccess.Read, cancellation);
                return await SessionView.AtOpeningAsync(session, state, cancellation);
            }
        }
        catch (MomentException failure)
        {
            report.Warning($"The bitmaps of '{domain.Name}' could not be looked at: {failure.Message}");
            return seen;
        }

        foreach (string disk in disks)
        {
            try
            {
                seen[disk] = await ObservedLayer.ReadAsync(domain.FindDisk(disk)!.SourcePath!, cancellation);
            }
            catch (MomentException failure)
            {
                // One image that is gone does not hide the others.
                report.Warning($"The bitmaps of disk '{disk}' of '{domain.Name}' could not be looked at: {failure.Message}");
            }
        }

        return seen;
    }

    // What follows from a file that was told already is no error of its own.
    private static void Report(MomentTreeFault fault, DomainMoments state, IOperationReport report)
    {
        bool isKnown = fault.Kind switch
        {
            MomentTreeFaultKind.ParentMissing => state.Moments.GetValueOrDefault(fault.Moment)?.Parent is { } parent && state.Broken.Contains(parent),
            MomentTreeFaultKind.CurrentMissing => state.Broken.Contains(fault.Moment),
            _ => false,
        };
        if (isKnown)
            report.Warning(fault.Message);
        else
            report.Failure(fault.ToException());
    }

    // A plain name that means nothing is told; one that another filter hides is not. The other names are listed all the same.
    private static void ReportMissing(MomentFilter filter, MomentTree tree, IOperationReport report)
    {
        MomentTree view = filter.Kind is { } kind ? tree.Project(kind) : tree;
        foreach (string name in filter.Names.Where(name => name.AsSpan().IndexOfAny("*?[`") < 0))
        {
            var pattern = new MomentNamePattern(name);
            if (!view.All.Any(pattern.IsMatch))
                report.Failure(MomentErrors.NotFound(name, view, filter.Kind));
        }
    }

    private static MomentFilter Filter(MomentQuery query, MomentTree tree) => new()
    {
        Names = query.Names,
        Kind = query.Kind is null ? null : Enum.Parse<MomentKind>(query.Kind, ignoreCase: true),
        Roots = query.Roots,
        Leaves = query.Leaves,
        NoLeaves = query.NoLeaves,
        Current = query.Current,
        NoCurrent = query.NoCurrent,
        Metadata = query.Metadata,
        NoMetadata = query.NoMetadata,
        From = query.From is null ? null : tree.Require(query.From).Key,
        Descendants = query.Descendants,
        Topological = query.Topological || query.Tree,
        Online = query.Online,
        Offline = query.Offline,
        DiskOnly = query.DiskOnly,
        Internal = query.Internal,
        External = query.External,
    };

    // Only of the current ones: what lies further back has been left for sure, and it would have to be read how far.
    private static async Task<List<VMMoment>> WithCleanAsync(DomainPlace place, DomainDocument domain, DomainMoments state, List<VMMoment> found, CancellationToken cancellation)
    {
        List<VMMoment> known = [];
        foreach (VMMoment moment in found)
        {
            var key = new MomentKey(MomentKind.Snapshot, moment.Name);
            known.Add(moment is VMSnapshot { Current: true } snapshot && state.Moments.ContainsKey(key)
                ? snapshot with { Clean = await Cleanliness.LookAsync(place, domain, state, key, cancellation) } : moment);
        }

        return known;
    }

    private async Task<List<VMMoment>> WithSizesAsync(string vm, List<VMMoment> found, IOperationReport report, CancellationToken cancellation)
    {
        var changes = new ChangedBlocks(context);
        List<VMMoment> sized = [];
        foreach (VMMoment moment in found)
        {
            List<VMMomentDisk> disks = [];
            foreach (VMMomentDisk disk in moment.Disks)
            {
                long? size = null;
                if (disk.State is not (VMBitmapState.NotCovered or VMBitmapState.Foreign))
                {
                    try
                    {
                        size = (await changes.RunAsync(vm, $"{moment.Kind}:{moment.Name}", [disk.Name], withKinds: false, report, cancellation))[0].Blocks.TotalLength;
                    }
                    catch (MomentException failure) when (failure.ErrorId == OperationErrors.ChangesUnknown || failure.ErrorId == OperationErrors.DiskNotCovered)
                    {
                        // The disk's state and problem already say that it is broken or never was tracked; the size is then not known.
                    }
                }

                disks.Add(disk with { Size = size });
            }

            sized.Add(moment with { Disks = disks });
        }

        return sized;
    }

    private static List<VMMoment> Drawn(MomentTree tree, MomentQuery query, List<VMMoment> found)
    {
        MomentTree shown = query.Kind is { } kind ? tree.Project(Enum.Parse<MomentKind>(kind, ignoreCase: true)) : tree;
        var lines = new Dictionary<MomentKey, string>();
        MomentKey? last = null;
        foreach (MomentTreeLine line in MomentTreeDrawing.Draw(shown, DateTimeOffset.UtcNow))
        {
            // The present state is no object: its line follows that of the moment above it.
            if (line.Moment is { } moment)
                lines[last = moment.Key] = line.Text;
            else
                lines[last!] += "\n" + line.Text;
        }

        return [.. found.Select(moment => moment with { Tree = lines.GetValueOrDefault(new MomentKey(Enum.Parse<MomentKind>(moment.Kind), moment.Name)) })];
    }
}
