using MomentTools.Errors;
using MomentTools.Operations.Layers;

namespace MomentTools.Operations.Branches;

/// <summary>What an operation on branches does last: what nobody needs any more is collected.</summary>
internal static class Collection
{
    /// <summary>Runs the collector. The operation itself is done: a collection that fails, or is stopped, is told, and the next one goes on.</summary>
    public static async Task TryAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        // What the operation opened in QEMU bears its id as long as the machine runs.
        scope.Renew();
        try
        {
            CollectorOutcome outcome = await Collector.RunAsync(scope, new CollectorLimits { Merge = true }, report, cancellation);
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
