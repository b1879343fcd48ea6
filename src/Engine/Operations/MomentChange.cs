using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>Set-VMMoment: metadata alone, written as one. Until it is decided there is nothing to undo.</summary>
internal sealed class MomentChange(EngineContext context)
{
    public const string Operation = "moment-set";

    public async Task<VMMoment> RunAsync(string vm, SetMomentRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request is { Description: null, Current: false })
            throw new MomentException(OperationErrors.NothingToSet, $"Cannot change moment '{request.Name}' of '{vm}': it is not said what to change.", request.Name, "Give -Description or -Current, or both.");
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Set-VMMoment", report, cancellation);
        MomentKey key = scope.State.Tree(out _).Require(request.Name).Key;
        DomainMoments next = Next(scope.State, key, request);
        using Journal journal = scope.Begin(Operation, [], next);
        scope.Commit(journal, next);
        MomentTree tree = scope.State.Tree(out _);
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation);
        return new MomentResults(vm, scope.State, tree, seen).Of(tree.Find(key)!);
    }

    // What is declared current is no more than that: edges record themselves from which point to which they run.
    private static DomainMoments Next(DomainMoments state, MomentKey key, SetMomentRequest request)
    {
        DomainMoments next = request.Current ? state with { Current = key } : state;
        StoredMoment moment = state.Moments[key];
        return request.Description is { } words
            ? next.With(moment with { Document = moment.Document with { Description = words.Length == 0 ? null : words } })
            : next;
    }
}
