using MomentTools.Moments;
using MomentTools.Operations.Health;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// What is done about each finding, worked out before anything is touched: files that are set aside, the metadata that follows, and the
/// repairs of the disks.
/// </summary>
internal sealed class RepairPlan
{
    /// <summary>Files that nobody can read are kept here, in the domain's directory.</summary>
    public const string BrokenFolder = MomentStore.BrokenFolder;

    // What is known of a disk's bitmaps, sizes and layers; one of these brings the whole disk in order.
    private static readonly string[] OfDisks =
    [
        FindingIds.BitmapMissing, FindingIds.BitmapInconsistent, FindingIds.BitmapNotRecording, FindingIds.BitmapRecording, FindingIds.BitmapGranularity,
        FindingIds.BitmapTemporary, FindingIds.BitmapLeftover, FindingIds.BitmapsDiscarded, FindingIds.DiskResized, FindingIds.ImageReplaced, FindingIds.LayerChanged,
        FindingIds.DiskChanged,
    ];

    private static readonly string[] OfFiles = [FindingIds.MomentFileInvalid, FindingIds.MomentFileTooLarge, FindingIds.MomentFileUnreadable, FindingIds.KeptInvalid];

    private readonly List<VMMomentRepair> _repairs = [];
    private readonly List<(string From, string To)> _moves = [];
    private readonly Dictionary<(string Disk, string Layer), string> _accepted = [];
    private readonly List<(string Disk, DiskSight Sight, DiskRepair Repair)> _disks = [];

    private readonly Dictionary<string, string> _switched = new(StringComparer.Ordinal);
    private readonly List<(string Disk, FarRepair Repair)> _far = [];

    private RepairPlan(DomainMoments next) => Next = next;

    /// <summary>One for each finding, in their order.</summary>
    public IReadOnlyList<VMMomentRepair> Repairs => _repairs;

    /// <summary>Files that are set aside, as relative paths.</summary>
    public IReadOnlyList<(string From, string To)> Moves => _moves;

    public IReadOnlyList<(string Disk, DiskSight Sight, DiskRepair Repair)> Disks => _disks;

    /// <summary>Copies of closed bitmaps that are to be written, by disk and id.</summary>
    public IEnumerable<(string Disk, string Id, Segment Segment)> Saved => _far.SelectMany(one => one.Repair.Saved.Select(saved => (one.Disk, saved.Key, saved.Value)));

    /// <summary>The moments afterwards.</summary>
    public DomainMoments Next { get; private set; }

    /// <summary>Whether anything is changed at all.</summary>
    public bool IsEmpty(DomainMoments state) => _moves.Count == 0 && _disks.Count == 0 && ReferenceEquals(state, Next);

    /// <param name="domain">The machine's definition.</param>
    /// <param name="store">Its metadata.</param>
    /// <param name="state">The moments now.</param>
    /// <param name="findings">What is to be repaired.</param>
    /// <param name="removeForeign">Whether bitmaps that somebody else made go.</param>
    /// <param name="operationId">The operation's id, part of the names of new recordings.</param>
    /// <param name="lookAt">Looks at a disk.</param>
    /// <param name="canRead">Whether the images can be read from their files: the machine is stopped.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static async Task<RepairPlan> MakeAsync(
        DomainDocument domain, MomentStore store, DomainMoments state, IReadOnlyList<VMMomentFinding> findings, bool removeForeign,
        string operationId, Func<DomainMoments, string, Task<DiskSight>> lookAt, bool canRead, CancellationToken cancellation)
    {
        var plan = new RepairPlan(state);
        IReadOnlyList<string> trees = plan.RepairMetadata(domain, store, findings);
        var sidecars = new SidecarCheck(store.Segments);
        Dictionary<string, string> done = new(StringComparer.Ordinal);
        int number = 0;
        foreach (string disk in domain.Disks.Select(disk => disk.Target))
        {
            VMMomentFinding[] own = [.. findings.Where(finding => IsOfDisk(finding, disk, state, canRead, removeForeign))];
            bool rewired = !ReferenceEquals(plan.Next.Disk(disk), state.Disks.GetValueOrDefault(disk)) && trees.Count > 0 && state.Disks.ContainsKey(disk) && domain.FindDisk(disk)!.SourcePath is { } path && File.Exists(path);
            if (own.Length == 0 && !rewired)
                continue;
            DiskSight sight = await lookAt(plan.Next, disk);
            plan.RepairDisk(disk, sight, own, sidecars, operationId + number++, canRead, removeForeign, rewired);
            if (own.Any(finding => finding.Id is FindingIds.LayerChanged or FindingIds.ImageReplaced or FindingIds.DiskChanged) && plan.Next.Disk(disk) is { ActiveTip: { } tip } tracking)
                plan.Next = plan.Next.With(canRead
                    ? LayerReading.Record(Forgotten(tracking), tracking.Layers[tip.LayerId], await LayerReading.ChainAsync(sight.Path, "qcow2", cancellation))
                    : sight.Seen.Chain is { } chain ? LayerAcceptance.Accept(tracking, chain) : tracking);
        }

        foreach (DiskTracking tracking in plan.Next.Disks.Values.Where(tracking => FarRepair.IsWanted(tracking, findings)).ToList())
            await plan.RepairFarAsync(tracking, sidecars, cancellation);
        if (plan._switched.Values.Distinct(StringComparer.Ordinal).ToArray() is [var there])
            plan.Next = LayerFollow.Settled(plan.Next, there);
        await plan.RepairFrozenAsync(domain, findings, sidecars, canRead, cancellation);
        foreach (VMMomentFinding finding in findings)
            plan._repairs.Add(plan.Describe(finding, trees, state, canRead, removeForeign) is { } action ? new VMMomentRepair { Finding = finding, Action = action } : Untouched(finding));
        return plan;
    }

    /// <summary>What is for a person to decide.</summary>
    public static VMMomentRepair Untouched(VMMomentFinding finding) => new() { Finding = finding, Action = $"Left as it is. {finding.Remedy}", Left = true };

    // Of two files for the present state the one that is used stays; of two entries in one file BranchRepair takes one out.
    public static bool IsOfFile(VMMomentFinding finding) =>
        finding.File is not null && (OfFiles.Contains(finding.Id) || (finding.Id == FindingIds.CurrentAmbiguous && finding.Disk is null));

    private static bool IsOfDisk(VMMomentFinding finding, string disk, DomainMoments state, bool canRead, bool removeForeign) => finding.Id switch
    {
        FindingIds.SidecarUnreadable => SavedId(finding) is { } id && state.Disk(disk).Points.Values.SelectMany(point => point.Sources).Any(source => source.SavedId == id),
        // What the guest writes then goes into a file without a name: nothing can be recorded for good.
        FindingIds.ImageReplaced when !canRead && finding.Bitmaps.Count == 0 && finding.Remedy.Contains("Backup-VMDomain", StringComparison.Ordinal) => false,
        // A running machine works on what it has; its disks are not given another history under its feet.
        FindingIds.DiskChanged when !canRead => false,
        FindingIds.BitmapForeign or FindingIds.BitmapNameTaken => removeForeign && finding.Disk == disk,
        _ => finding.Disk == disk && OfDisks.Contains(finding.Id),
    };

    private static string? SavedId(VMMomentFinding finding) => finding.File is null ? null : Path.GetFileName(finding.File);

    private IReadOnlyList<string> RepairMetadata(DomainDocument domain, MomentStore store, IReadOnlyList<VMMomentFinding> findings)
    {
        foreach (VMMomentFinding finding in findings.Where(finding => IsOfFile(finding)))
        {
            string name = Path.GetFileName(finding.File!), folder = Path.GetFileName(Path.GetDirectoryName(finding.File!)!);
            _moves.Add(($"{folder}/{name}", $"{BrokenFolder}/{folder}-{DateTimeOffset.UtcNow:yyyyMMddHHmmssfff}-{name}"));
        }

        Next = MomentRules.Apply(Next, domain, store.LoadWhole, findings, DateTimeOffset.UtcNow);
        if (_moves.Count == 0 && !findings.Any(finding => finding.Id is FindingIds.ParentMissing or FindingIds.ParentCycle))
            return [];
        (Next, IReadOnlyList<string> done) = TreeRepair.Run(Next);
        return done;
    }

    private void RepairDisk(string disk, DiskSight sight, VMMomentFinding[] own, SidecarCheck sidecars, string suffix, bool canRead, bool removeForeign, bool rewired)
    {
        DiskTracking before = Next.Disk(disk);
        if (rewired)
            before = Kept(before, sight.Seen);
        HashSet<string> unwanted = [.. own.Where(finding => finding.Id == FindingIds.BitmapLeftover || (removeForeign && finding.Id is FindingIds.BitmapForeign or FindingIds.BitmapNameTaken)).SelectMany(finding => finding.Bitmaps)];
        string? branch = own.Any(finding => finding.Id == FindingIds.DiskChanged) ? LayerFollow.BranchAt(before, sight.Path) : null;
        if (branch is not null)
        {
            before = before.Activate(branch);
            _switched.Add(disk, branch);
        }
        else if (own.Any(finding => finding.Id == FindingIds.DiskChanged))
        {
            // What it brought along under names of ours says nothing here: whose history it is cannot be known.
            unwanted.UnionWith(sight.Seen.Bitmaps.Keys.Where(name => name.StartsWith("mt-", StringComparison.Ordinal) || Next.Moments.Keys.Any(key => key.Name == name)));
            before = before.Elsewhere(new TrackingLayer(MomentIds.New(), sight.Path, null), "the disk was switched to another image");
        }

        string? doubt = own.Any(finding => finding.Id == FindingIds.LayerChanged) ? "an image beneath the disk's own was changed by somebody else"
            : branch is null && own.Any(finding => finding.Id == FindingIds.DiskChanged) ? "the disk was switched to another image" : null;
        // What was not asked for, or not agreed to, is not done by the way.
        bool mend = rewired || own.Any(finding => finding.Id is not (FindingIds.BitmapLeftover or FindingIds.BitmapForeign or FindingIds.BitmapNameTaken));
        if (!mend)
            sight = sight.AsItIs;
        var repair = DiskRepair.Make(before, sight.Seen, id => sidecars.Trouble(id, disk)?.Message.TrimEnd('.'), doubt is null ? sight.Allocation : null, doubt, unwanted, $"mt-{suffix}", canRead, mend);
        Next = Next.With(repair.Next);
        if (repair.Mark is not null || repair.Removed.Count > 0 || sight.Salvaged.Count > 0 || repair.SavedAgain.Count > 0 || !ReferenceEquals(repair.Next, before))
            _disks.Add((disk, sight, repair));
    }

    private async Task RepairFarAsync(DiskTracking tracking, SidecarCheck sidecars, CancellationToken cancellation)
    {
        FarRepair repair = await FarRepair.MakeAsync(tracking, id => sidecars.Trouble(id, tracking.Disk)?.Message.TrimEnd('.'), cancellation);
        if (ReferenceEquals(repair.Next, tracking))
            return;
        _far.Add((tracking.Disk, repair));
        Next = Next.With(repair.Next);
    }

    // Under a machine that runs nobody knows what it has read, and while somebody writes it is not over.
    private async Task RepairFrozenAsync(DomainDocument domain, IReadOnlyList<VMMomentFinding> findings, SidecarCheck sidecars, bool canRead, CancellationToken cancellation)
    {
        if (!canRead || !findings.Any(finding => finding.Id == FindingIds.FrozenLayerWritten))
            return;
        foreach (FrozenDamage damage in (await FrozenLayers.FindAsync(domain, Next, cancellation)).Where(damage => !damage.IsOpen
            && findings.Any(finding => finding.Id == FindingIds.FrozenLayerWritten && finding.Disk == damage.Disk && finding.Layer == damage.Layer.Path)))
        {
            DiskTracking tracking = Next.Disk(damage.Disk);
            if ((await LayerReading.ChainAsync(damage.Layer.Path, damage.Layer.Facts?.Format ?? "qcow2", cancellation))[0].Facts is not { Modified: not null } facts)
                continue;
            IReadOnlyList<string> snapshots = FrozenLayers.Snapshots(tracking, damage.Layer.Id);
            Next = Next.With(FrozenRepair.Accept(tracking, damage, facts, id => sidecars.Trouble(id, damage.Disk) is null));
            _accepted[(damage.Disk, damage.Layer.Path)] = Sentence(
            [
                $"'{damage.Layer.Path}' is accepted as it is",
                .. snapshots.Count > 0 ? [$"{FindingList.Listed(snapshots)} {(snapshots.Count == 1 ? "is" : "are")} marked as no longer what {(snapshots.Count == 1 ? "it was" : "they were")} on disk '{damage.Disk}'"] : (string[])[],
                "what changed across it is written down as lost",
            ]);
        }
    }

    // What the layers were is accepted as it is now: the edge across the change is lost by this very repair. Those that snapshots stand on, and
    // those of other branches, are another matter.
    private static DiskTracking Forgotten(DiskTracking tracking) => LayerDrift.Recorded(tracking).Where(layer => layer.FrozenTop is null).ToList()
        .Aggregate(tracking, (one, layer) => one.WithLayer(layer with { Facts = null }));

    // Bitmaps of ours whose moment's file was set aside: they stay with the edge across the gap, which is lost all the same.
    private static DiskTracking Kept(DiskTracking tracking, ObservedLayer seen)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Points.Values.FirstOrDefault(point => point.Sources.Any(source => source is SegmentSource.Lost)) is not { } gap)
            return tracking;
        IReadOnlyDictionary<string, int> references = tracking.References(tip.LayerId);
        HashSet<string> names = [.. tracking.Points.Values.Select(point => point.Moment?.Name).OfType<string>()];
        SegmentSource[] kept = [.. seen.Bitmaps.Values.Where(bitmap => !references.ContainsKey(bitmap.Name) && bitmap.Persistent && bitmap.Name != tip.Marker
                && !bitmap.Name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal) && (names.Contains(bitmap.Name) || bitmap.Name.StartsWith("mt-", StringComparison.Ordinal)))
            .Select(bitmap => new SegmentSource.Bitmap(tip.LayerId, bitmap.Name, null))];
        return kept.Length == 0 ? tracking : tracking.WithSources(gap.Id, [.. gap.Sources.Union(kept)]);
    }

    private string? Describe(VMMomentFinding finding, IReadOnlyList<string> trees, DomainMoments state, bool canRead, bool removeForeign)
    {
        if (IsOfFile(finding))
            return Sentence([$"'{finding.File}' is set aside into '{BrokenFolder}'", .. trees]);
        if (finding.Id is FindingIds.ParentMissing or FindingIds.ParentCycle)
            return Sentence([.. trees.Where(words => finding.Moment is null || words.Contains($"'{finding.Moment}'", StringComparison.Ordinal)).DefaultIfEmpty("the parents are written anew")]);
        if (finding.Id == FindingIds.FrozenLayerWritten)
            return _accepted.GetValueOrDefault((finding.Disk!, finding.Layer!));
        if (MomentRules.Describe(finding, Next) is { } words)
            return Sentence([words]);
        if (finding.Id is FindingIds.BitmapForeign or FindingIds.BitmapNameTaken && !removeForeign)
            return null;
        List<string> parts = [];
        if (finding.Id == FindingIds.DiskChanged && _switched.TryGetValue(finding.Disk!, out string? branch))
            parts.Add($"the image is that of branch '{branch}', on which disk '{finding.Disk}' is from now on");
        foreach ((string disk, DiskSight sight, DiskRepair repair) in _disks.Where(one => IsOfDisk(finding, one.Disk, state, canRead, removeForeign)))
        {
            string[] wanted = finding.Id switch
            {
                FindingIds.SidecarUnreadable => [SavedId(finding)!],
                FindingIds.DiskResized => ["size"],
                _ when finding.Bitmaps.Count > 0 => [.. finding.Bitmaps],
                _ => [.. repair.Outcomes.Keys.Where(key => key != "size")],
            };
            string[] salvaged = [.. sight.Salvaged.Keys.Where(name => wanted.Contains(name, StringComparer.Ordinal) && !name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
            if (salvaged.Length > 0)
                parts.Add($"{FindingList.Listed(salvaged)} {(salvaged.Length == 1 ? "was" : "were")} closed before QEMU died, and {(salvaged.Length == 1 ? "is" : "are")} trusted again");
            parts.AddRange(wanted.Select(repair.Outcomes.GetValueOrDefault).OfType<string>());
            if (repair.Recording is { } recording && finding.Id is not (FindingIds.SidecarUnreadable or FindingIds.DiskResized or FindingIds.BitmapForeign or FindingIds.BitmapNameTaken or FindingIds.BitmapLeftover))
                parts.Add(recording);
            if (finding.Bitmaps.Any(name => repair.Removed.Contains(name, StringComparer.Ordinal) && !repair.Outcomes.ContainsKey(name)))
                parts.Add("bitmaps that say nothing any more are removed");
        }

        foreach ((_, FarRepair repair) in _far.Where(one => finding.Id == FindingIds.SidecarUnreadable || finding.Disk == one.Disk))
            parts.AddRange((finding.Id == FindingIds.SidecarUnreadable ? [SavedId(finding)!] : finding.Bitmaps).Select(repair.Outcomes.GetValueOrDefault).OfType<string>());
        return parts.Count > 0 ? Sentence(parts) : null;
    }

    private static string Sentence(IReadOnlyList<string> parts)
    {
        string text = string.Join("; ", parts.Distinct(StringComparer.Ordinal));
        return char.ToUpperInvariant(text[0]) + text[1..] + ".";
    }
}
