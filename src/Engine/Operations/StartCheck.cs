
namespace MomentTools.Operations;

/// <summary>After a start: what the metadata says is held against the images. Differences are warnings, never repaired unasked.</summary>
internal static class StartCheck
{
    public static async Task RunAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation);
        foreach ((string disk, ObservedLayer layer) in seen)
            if (new TrackingProof(scope.State.Disk(disk), layer).Doubt is { } doubt)
                report.Warning($"Disk '{disk}' of '{scope.Place.Name}': what changed since '{scope.State.Disk(disk).Current?.Name}' is not known, because {doubt}. The next checkpoint starts anew; the next backup stores this disk in full.");
    }
}
