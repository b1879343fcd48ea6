using MomentTools.Errors;
using MomentTools.Operations.Layers;

namespace MomentTools.Operations.Branches;

/// <summary>What nobody needs any more is collected: merged too by the operations on snapshots and branches as the last that they do, files alone by every other before it begins.</summary>
internal static class Collection
{
    /// <summary>Runs the collector. The operation itself is done: a collection that fails, or is stopped, is told, and the next one goes on.</summary>
    /// <param name="scope">The domain.</param>
    /// <param name="merge">Whether layers are merged, which may take long.</param>
    /// <param name="report">Where is told what could not be collected.</param>
    /// <param name="cancellation">Stops the collection, not the operation.</param>
    public static async Task TryAsync(ChangeScope scope, bool merge, IOperationReport report, CancellationToken cancellation)
    {
        // What the operation opened in QEMU bears its id as long as the machine runs.
        scope.Renew();
        try
        {
            CollectorOutcome outcome = await Collector.RunAsync(scope, new CollectorLimits { Merge = merge }, report, cancellation);
            foreach ((string path, _) in outcome.Removed)
                report.Verbose($"Removed '{path}', which nothing needs any more.");
        }
        catch (MomentException failure)
        {
            report.Warning($"What '{scope.Place.Name}' no longer needs could not all be collected: {failure.Message} The next command of this kind goes on with it.");
        }
        catch (OperationCanceledException)
        {
            report.Warning($"The collection of what '{scope.Place.Name}' no longer needs was stopped. The next command of this kind goes on with it.");
        }
    }
}
