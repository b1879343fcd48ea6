using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>
/// New-VMCheckpoint -Group: one checkpoint on each of several machines, as near in time as can be, all or nothing. Everything is opened
/// and planned first, then the transactions go out together; one file decides for all (<see cref="GroupDecision"/>). Until then a failure
/// or a crash undoes every one of them.
/// </summary>
internal sealed class CheckpointGroup(EngineContext context)
{
    public const string Operation = "checkpoint-group";

    public async Task<IReadOnlyList<VMCheckpoint>> RunAsync(IReadOnlyList<string> vms, CreateCheckpointRequest request, IOperationReport report, CancellationToken cancellation)
    {
        // One order for all: two groups that share machines wait for each other, never each for the other.
        string[] names = [.. vms.Order(StringComparer.Ordinal)];
        Check(names);
        if (request.Name is null && request.Xml is null)
            request = request with { Name = CheckpointCreation.NameOf(DateTimeOffset.UtcNow) };
        List<ChangeScope> scopes = [];
        List<PreparedCheckpoint> parts = [];
        try
        {
            foreach (string name in names)
                await OfAsync(names, name, async () => scopes.Add(await ChangeScope.OpenTipsAsync(context, name, "New-VMCheckpoint -Group", report, cancellation)));
            string group = MomentIds.New();
            foreach (ChangeScope scope in scopes)
                await OfAsync(names, scope.Place.Name, async () => parts.Add(await PreparedCheckpoint.PrepareAsync(context, scope, request, group, report, cancellation)));
            try
            {
                await TakeAsync(names, group, parts, report, cancellation);
                Decide(group, parts);
            }
            catch (Exception)
            {
                // Where the decision stands although writing it failed, the next commands finish what it decided.
                if (GroupDecision.TryWithdraw(parts[0].Scope.Place.StateRoot, group))
                    foreach (PreparedCheckpoint part in parts)
                        await part.UndoAsync(report);
                throw;
            }

            Dictionary<string, VMCheckpoint> made = Apply(names, parts);
            GroupDecision.Sweep(parts[0].Scope.Place.StateRoot, context.Catalogue.Directories);
            Tell(group, parts, report);
            return [.. vms.Select(name => made[name])];
        }
        finally
        {
            foreach (PreparedCheckpoint part in parts)
                await part.DisposeAsync();
            scopes.ForEach(scope => scope.Dispose());
        }
    }

    private static void Check(string[] names)
    {
        if (names.Length == 0)
            throw new MomentException(OperationErrors.GroupInvalid, "Cannot make a group of checkpoints: no machine is named.", null, "Name the machines that belong together.");
        if (names.Zip(names.Skip(1)).FirstOrDefault(pair => pair.First == pair.Second).First is { } twice)
            throw new MomentException(OperationErrors.GroupInvalid, $"Cannot make a group of checkpoints: '{twice}' is named more than once.", twice, "Name each machine once. Patterns that overlap name a machine several times.");
    }

    private static async Task TakeAsync(string[] names, string group, List<PreparedCheckpoint> parts, IOperationReport report, CancellationToken cancellation)
    {
        Task EachAsync(Func<PreparedCheckpoint, Task> work) =>
            Task.WhenAll(parts.Select(part => OfAsync(names, part.Scope.Place.Name, () => work(part))));

        foreach (PreparedCheckpoint part in parts)
            await OfAsync(names, part.Scope.Place.Name, () =>
            {
                part.Begin(Operation, group);
                return Task.CompletedTask;
            });
        await EachAsync(part => part.ReadyAsync(cancellation));
        await GuestFreeze.HoldAsync([.. parts.Select(part => part.Guest)], () => EachAsync(part => part.TakeAsync(cancellation)), report, cancellation);
        await EachAsync(part => part.KeepAsync(cancellation));
    }

    private void Decide(string group, List<PreparedCheckpoint> parts)
    {
        context.Probe?.Invoke($"{Operation}:before-decision");
        new GroupDecision(group, parts.ToDictionary(part => part.Scope.Id, part => part.Changes, StringComparer.Ordinal)).Write(parts[0].Scope.Place.StateRoot);
    }

    // It is decided: one that cannot be applied now is applied by the next command, and does not hinder the others.
    private Dictionary<string, VMCheckpoint> Apply(string[] names, List<PreparedCheckpoint> parts)
    {
        context.Probe?.Invoke($"{Operation}:decided");
        Dictionary<string, VMCheckpoint> made = new(StringComparer.Ordinal);
        MomentException? broken = null;
        foreach (PreparedCheckpoint part in parts)
        {
            try
            {
                made[part.Scope.Place.Name] = part.Decide();
            }
            catch (MomentException failure)
            {
                broken ??= new MomentException(
                    failure.ErrorId,
                    $"The checkpoints of the group {Listed(names)} are taken, but that of '{part.Scope.Place.Name}' could not be written down yet: {failure.Message}",
                    part.Scope.Place.Name, "The next command that changes this machine writes it down. Get-VMCheckpoint shows the others.", failure);
            }
        }

        return broken is null ? made : throw broken;
    }

    private static void Tell(string group, List<PreparedCheckpoint> parts, IOperationReport report)
    {
        TimeSpan spread = parts.Max(part => part.Instant) - parts.Min(part => part.Instant);
        report.Verbose($"Group {group}: {parts.Count} checkpoint{(parts.Count == 1 ? "" : "s")}, taken within {spread.TotalMilliseconds:0.#} ms.");
    }

    // Many errors of one machine's checkpoint need not name it; among several it must be known which.
    private static async Task OfAsync(string[] names, string name, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (MomentException failure)
        {
            throw new MomentException(
                failure.ErrorId, $"No checkpoint was made on any of {Listed(names)}, because it failed on '{name}': {failure.Message}", failure.Target ?? name, failure.Advice, failure)
            {
                PeerErrorClass = failure.PeerErrorClass,
                PeerErrorNumber = failure.PeerErrorNumber,
            };
        }
    }

    private static string Listed(string[] names) => string.Join(", ", names.Select(name => $"'{name}'"));
}
