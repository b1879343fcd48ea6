using System.Text.Json.Nodes;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>
/// New-VMBranch: an empty layer on each image that the snapshot froze, with its own recording bitmap and mark, made in a storage daemon while
/// the machine does what it does. Until the metadata names them they are files that nobody uses: a crash removes them.
/// </summary>
internal sealed class BranchCreation(EngineContext context)
{
    public const string Operation = "branch-create";

    public async Task<VMBranch> RunAsync(string vm, CreateBranchRequest given, IOperationReport report, CancellationToken cancellation)
    {
        CreateBranchRequest request = BranchDocument.Complete(given);
        string name = request.Name ?? throw new ArgumentException("The branch has no name.", nameof(given));
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "New-VMBranch", report, cancellation);
        BranchNames.RequireFree(scope.State, scope.Place, name, $"make branch '{name}' of '{vm}'");
        MomentKey key = BranchStart.Require(scope.State, request.From ?? throw new ArgumentException("The branch has no beginning.", nameof(given)));
        Branch branch = await MakeAsync(scope, name, key, request.Description, cancellation);
        return new BranchResults(scope.Domain, scope.State).Of(branch);
    }

    /// <summary>Makes a branch that begins at a snapshot, on a domain that is held; the machine stays where it is.</summary>
    public static async Task<Branch> MakeAsync(ChangeScope scope, string name, MomentKey key, string? description, CancellationToken cancellation)
    {
        StoredMoment snapshot = scope.State.Moments[key];
        IReadOnlyList<BranchStart> starts = BranchStart.Find(scope.Domain, scope.State, snapshot, name);
        Branch branch = Describe(name, snapshot, description);

        (string Disk, string PointId, TrackingLayer Layer)[] frozen = [.. starts.Where(start => start.Tag is null).Select(start => (start.Disk, start.PointId, start.Layer))];
        IReadOnlyList<MadeFile> files = ForkedTips.Plan(scope, frozen, name);
        DomainMoments planned = starts.Where(start => start.Tag is not null).Aggregate(
            scope.State.With(branch), (state, start) => state.With(state.Disk(start.Disk).ForkSaved(name, start.PointId, start.Tag!, MomentIds.New())));
        using Journal journal = scope.Begin(Operation, new JsonObject { ["made"] = new JsonArray([.. files.Select(file => (JsonNode)file.ToJson())]) }, planned);
        DomainMoments next = planned;
        DateTimeOffset since = DateTimeOffset.UtcNow;
        try
        {
            if (frozen.Length > 0)
                next = await ForkedTips.MakeAsync(scope, journal, planned, name, frozen, files, cancellation);
            journal.Reserve(scope.ChangesTo(next));
        }
        catch (Exception)
        {
            await RemoveAsync(files, since, CancellationToken.None);
            journal.End();
            throw;
        }

        scope.Commit(journal, next);
        return branch;
    }

    /// <summary>After a crash: nobody uses the layers, and they go.</summary>
    public static Task UndoAsync(JournalEntry entry, CancellationToken cancellation) =>
        RemoveAsync(entry.Intent["made"]!.AsArray().Select(file => MadeFile.FromJson(file!.AsObject())), entry.Started, cancellation);

    // A branch takes over how its snapshot was left: with the memory, or as after a power cut.
    private static Branch Describe(string name, StoredMoment snapshot, string? description)
    {
        var document = (SnapshotDocument)snapshot.Document;
        string? memory = document.Memory is { Mode: SnapshotMode.External } external ? external.File : null;
        return new Branch(name)
        {
            Start = snapshot.Key,
            Created = DateTimeOffset.UtcNow,
            Description = string.IsNullOrEmpty(description) ? null : description,
            Memory = memory,
            Running = document.MomentState() is SnapshotState.DiskSnapshot,
        };
    }

    private static async Task RemoveAsync(IEnumerable<MadeFile> files, DateTimeOffset since, CancellationToken cancellation)
    {
        foreach (MadeFile file in files)
            await file.RemoveAsync(since, cancellation);
    }
}
