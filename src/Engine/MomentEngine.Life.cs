using MomentTools.Operations;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>Changes what is said of a moment: its description, or that the present state descends from it.</summary>
    public Task<VMMoment> SetMomentAsync(string vm, SetMomentRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentChange(_context).RunAsync(vm, request, report, cancellation);
}
