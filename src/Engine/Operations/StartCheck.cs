using MomentTools.Moments;
using MomentTools.Operations.Health;

namespace MomentTools.Operations;

/// <summary>
/// After a start, and before a change: what is recorded of the opened disks is held against them, as Test-VMMoment does. Differences are
/// warnings with its ids, never repaired unasked. Sidecars are not read for it.
/// </summary>
internal static class StartCheck
{
    public static async Task RunAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation);
        await WarnAsync(scope, seen, [], report, cancellation);
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
        var names = new HashSet<string>(scope.State.Moments.Keys.Concat(scope.State.Broken).Select(key => key.Name), StringComparer.Ordinal);
        foreach ((string disk, ObservedLayer layer) in seen)
        {
            DiskTracking tracking = scope.State.Disk(disk);
            var facts = new DiskFacts(tracking, names, Incomplete: true, IsSaved: _ => true);
            if (!told.Contains(disk, StringComparer.Ordinal))
                BitmapCheck.RunActive(facts, layer, findings);
            if (tracking.ActiveTip is not null && scope.Domain.FindDisk(disk) is { Format: { } format })
                LayerCheck.Run(tracking, await LayerReading.ChainAsync(layer.Path, format, cancellation), findings);
        }

        foreach (VMMomentFinding finding in findings.All.Where(finding => finding.Severity != FindingList.Information))
            report.Warning($"{finding.Id}: {finding.Text} {finding.Remedy}");
    }
}
