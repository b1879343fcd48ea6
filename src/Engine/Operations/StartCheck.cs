using MomentTools.Moments;
using MomentTools.Operations.Health;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Operations;

/// <summary>
/// After a start, at an attach, and before a change: what is recorded of the opened disks is held against them, as Test-VMMoment does. Differences are
/// warnings with its ids, never repaired unasked. Sidecars are not read for it.
/// </summary>
internal static class StartCheck
{
    /// <summary>
    /// Before a start: nobody wrote to what the machine is about to run on and snapshots stand on. Of other branches' layers it is told.
    /// </summary>
    /// <exception cref="Errors.MomentException"><c>FrozenLayerWritten</c>.</exception>
    public static async Task RequireFrozenAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<FrozenDamage> found = await FrozenLayers.FindAsync(scope.Domain, scope.State, cancellation);
        if (found.FirstOrDefault(damage => scope.State.Disk(damage.Disk) is { ActiveTip: { } tip } disk && FrozenLayers.IsReadThrough(disk, tip.LayerId, damage.Layer.Id)) is { } beneath)
            throw scope.Written("Start-VMDomain", beneath, report);
        var findings = new FindingList(scope.Place.Name);
        if (found.Count > 0)
            await FrozenCheck.RunAsync(scope.Domain, scope.State, [], findings, cancellation);
        Warn(findings.All, report);
    }

    public static async Task RunAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation);
        await WarnAsync(scope, seen, [], report, cancellation);
    }

    /// <summary>Of a machine that somebody else started, when it is made known: the whole look, for what it did since is not known.</summary>
    public static async Task OfAttachedAsync(EngineContext context, string vm, IOperationReport report, CancellationToken cancellation)
    {
        if (context.Catalogue.Load(context.Catalogue.Place(vm)).Monitor is null)
            return;
        // That it does not answer is told by whoever describes it.
        Warn((await new HealthCheck(context).RunAsync(vm, [], report, cancellation)).Where(finding => finding.Id != FindingIds.MachineUnreachable), report);
    }

    /// <param name="scope">The domain.</param>
    /// <param name="seen">What is on the opened disks.</param>
    /// <param name="told">Disks whose loss the operation tells by itself.</param>
    /// <param name="report">Where the warnings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task WarnAsync(
        ChangeScope scope, IReadOnlyDictionary<string, ObservedLayer> seen, IEnumerable<string> told, IOperationReport report, CancellationToken cancellation)
    {
        var findings = new FindingList(scope.Place.Name) { Busy = true };
        DomainMoments state = scope.IsWhole || IsAsExpected(scope, seen) ? scope.State : scope.Store.Load(report.Failure).Of(scope.Domain.Disks.Select(disk => disk.Target));
        var names = new HashSet<string>(state.Moments.Keys.Concat(state.Broken).Select(key => key.Name), StringComparer.Ordinal);
        foreach ((string disk, ObservedLayer layer) in seen)
        {
            DiskTracking tracking = state.Disk(disk);
            var facts = new DiskFacts(tracking, names, Incomplete: true, IsSaved: _ => true);
            if (!told.Contains(disk, StringComparer.Ordinal))
                BitmapCheck.RunActive(facts, layer, findings);
            if (tracking.ActiveTip is not null && scope.Domain.FindDisk(disk) is { Format: { } format })
            {
                LayerCheck.Run(tracking, layer.Chain?.Layers ?? await LayerReading.ChainAsync(tracking, layer.Path, format, cancellation), findings);
                SizeCheck.Run(tracking, layer, findings);
            }
        }

        Warn(findings.All, report);
    }

    private static void Warn(IEnumerable<VMMomentFinding> findings, IOperationReport report)
    {
        foreach (VMMomentFinding finding in findings.Where(finding => finding.Severity != FindingList.Information))
            report.Warning($"{finding.Id}: {finding.Text} {finding.Remedy}");
    }

    // Each checkpoint's bitmap is there, closed and whole but for the one that records: then the moments above the tips have nothing to tell.
    private static bool IsAsExpected(ChangeScope scope, IReadOnlyDictionary<string, ObservedLayer> seen) =>
        scope.Store.Keys(MomentKind.Checkpoint).All(key => seen.Values.Any(layer => layer.Bitmaps.ContainsKey(key.Name)))
        && seen.All(pair => pair.Value.Bitmaps.Values.All(bitmap =>
            bitmap is { Inconsistent: false, Recording: false, Persistent: true, Granularity: TrackingProof.Granularity }
            || scope.State.Disk(pair.Key).ActiveTip is { } tip && (bitmap.Name == tip.Recording || bitmap.Name == tip.Marker)));
}
