using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Operations.Branches;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>A domain held for one change: locked, earlier interrupted operations finished or undone, its moments loaded.</summary>
internal sealed class ChangeScope : IDisposable
{
    private readonly FileLock _lock;
    private readonly Action<string>? _probe;

    // For thousands of moments their files are not made twice.
    private (DomainMoments Next, FileChanges Changes)? _planned;

    private ChangeScope(FileLock held, DomainPlace place, DomainDocument domain, MomentStore store, DomainMoments state, Action<string>? probe)
    {
        _lock = held;
        _probe = probe;
        Place = place;
        Domain = domain;
        Store = store;
        State = state;
    }

    public DomainPlace Place { get; }

    public DomainDocument Domain { get; private set; }

    public MomentStore Store { get; }

    public DomainMoments State { get; private set; }

    /// <summary>Whether <see cref="State"/> has all moments, and not only those that the tips descend from.</summary>
    public bool IsWhole { get; private init; }

    /// <summary>The id of this operation: part of the names of all it makes in QEMU.</summary>
    public string Id { get; private set; } = MomentIds.New();

    public static Task<ChangeScope> OpenAsync(EngineContext context, string vm, string operation, IOperationReport report, CancellationToken cancellation) =>
        OpenAsync(context, vm, operation, recover: true, report, cancellation);

    /// <summary>
    /// The same for a checkpoint, with no more of the moments than it needs (<see cref="MomentStore.LoadTips"/>): what it costs must not
    /// grow with their number.
    /// </summary>
    public static Task<ChangeScope> OpenTipsAsync(EngineContext context, string vm, string operation, IOperationReport report, CancellationToken cancellation) =>
        OpenAsync(context, vm, operation, recover: true, report, cancellation, tips: true);

    /// <param name="context">What operations work with.</param>
    /// <param name="vm">The domain.</param>
    /// <param name="operation">What the lock is held for.</param>
    /// <param name="recover">False for a domain that is forgotten with its images left as they are: they may be gone.</param>
    /// <param name="report">Where is told what was recovered.</param>
    /// <param name="cancellation">Stops the wait for the lock.</param>
    /// <param name="tips">Whether the moments above the tips are not needed.</param>
    /// <param name="anyway">Whether to go on where somebody wrote to a layer that snapshots stand on: for what mends that, or touches no image.</param>
    public static async Task<ChangeScope> OpenAsync(
        EngineContext context, string vm, string operation, bool recover, IOperationReport report, CancellationToken cancellation, bool tips = false, bool anyway = false)
    {
        FileLock held = await TakeAsync(context, vm, operation, cancellation);
        try
        {
            // Only now: while the lock was waited for the name may have gone to another domain.
            (DomainPlace place, DomainDocument domain) = context.Catalogue.Settle(vm);
            if (recover)
                await InstantUndo.RefuseHalfAsync(context, place, report);
            if (recover && Journal.Pending(place.StateDirectory).Count > 0)
            {
                await Recovery.RunAsync(place, domain, report, cancellation);
                // What was finished may have given the machine other images.
                (place, domain) = context.Catalogue.Settle(vm);
            }

            if (recover && UseNote.Find(place.StateDirectory) is { } note)
                (place, domain) = await BringBackAsync(context, held, place, domain, note, vm, report, cancellation);

            if (recover && new ServiceRecords(place.StateDirectory).Any)
                await SweepAsync(context, held, place, domain, report, cancellation);
            GroupDecision.Sweep(place.StateRoot, context.Catalogue.Directories);
            var store = new MomentStore(place.StateDirectory);
            var present = domain.Disks.Select(disk => disk.Target).ToHashSet(StringComparer.Ordinal);
            DomainMoments? some = tips ? store.LoadTips(present, report.Failure) : null;
            var scope = new ChangeScope(held, place, domain, store, some ?? store.Load(report.Failure).Of(present), context.Probe) { IsWhole = some is null };
            if (!anyway && await FrozenLayers.FindAsync(domain, scope.State, cancellation) is [var damage, ..])
                throw scope.Written(operation, damage, report);
            if (recover && !anyway && scope.IsWhole && KeepAside.Expired(scope.State, DateTimeOffset.UtcNow).Count > 0)
                await Collection.TryAsync(scope, merge: false, report, cancellation);
            return scope;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    // A machine on a temporary branch whose process is dead comes back before anything else.
    private static async Task<(DomainPlace Place, DomainDocument Domain)> BringBackAsync(
        EngineContext context, FileLock held, DomainPlace place, DomainDocument domain, UseNote note, string vm, IOperationReport report, CancellationToken cancellation)
    {
        if (note.IsAlive)
        {
            if (!note.IsOwn)
                report.Warning($"'{place.Name}' is on a temporary branch of snapshot '{note.Snapshot}', which {note.Holder} uses: what is made there now goes with it.");
            return (place, domain);
        }

        var store = new MomentStore(place.StateDirectory);
        DomainMoments whole = store.Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        // It does not hold the lock: that goes on after it.
        await SnapshotUse.ReturnAsync(context, new ChangeScope(held, place, domain, store, whole, context.Probe) { IsWhole = true }, note, report, cancellation);
        report.Warning($"Brought '{place.Name}' back to branch '{note.Home}': the process that used its snapshot '{note.Snapshot}' since {note.Since.ToLocalTime():yyyy-MM-dd HH:mm} is gone.");
        return context.Catalogue.Settle(vm);
    }

    /// <summary>
    /// After a machine was stopped: what it served is taken down, unless an operation of it is pending, which has to be settled first. The
    /// machine is stopped all the same: a failure is told, and the next changing command tries again.
    /// </summary>
    /// <param name="context">What operations work with.</param>
    /// <param name="held">The domain's lock, which stays held.</param>
    /// <param name="place">The domain.</param>
    /// <param name="report">Told of each that was taken down.</param>
    public static async Task SweepStoppedAsync(EngineContext context, FileLock held, DomainPlace place, IOperationReport report)
    {
        try
        {
            if (new ServiceRecords(place.StateDirectory).Any && Journal.Pending(place.StateDirectory).Count == 0)
                await SweepAsync(context, held, place, context.Catalogue.Load(place), report, CancellationToken.None);
        }
        catch (MomentException failure)
        {
            report.Warning($"'{place.Name}' is stopped. What it served could not be taken down yet: {failure.Message} The next command that changes '{place.Name}' does it.");
        }
    }

    private static async Task SweepAsync(EngineContext context, FileLock held, DomainPlace place, DomainDocument domain, IOperationReport report, CancellationToken cancellation)
    {
        var store = new MomentStore(place.StateDirectory);
        // What cannot be read is told when the operation itself loads them.
        DomainMoments whole = store.Load(_ => { }).Of(domain.Disks.Select(disk => disk.Target));
        // It does not hold the lock: that goes on after it.
        await ServingSweep.RunAsync(new ChangeScope(held, place, domain, store, whole, context.Probe) { IsWhole = true }, report, cancellation);
    }

    private static async Task<FileLock> TakeAsync(EngineContext context, string vm, string operation, CancellationToken cancellation)
    {
        try
        {
            return await DomainLock.TakeAsync(context.Catalogue.DirectoryOf(vm), operation, context.LockTimeout, cancellation);
        }
        catch (MomentException failure) when (failure.ErrorId == FileErrors.FileMissing)
        {
            // The domain was renamed or unregistered in this moment; then the name means nothing any more, and that is the error.
            _ = context.Catalogue.Place(vm);
            throw;
        }
    }

    /// <summary>Begins an operation that leads to the next state; where there is no space to write that down, it is not begun.</summary>
    public Journal Begin(string operation, JsonObject intent, DomainMoments next)
    {
        var journal = Journal.Begin(Place.StateDirectory, Id, operation, intent, _probe);
        try
        {
            _planned = (next, Store.Difference(State, next));
            journal.Reserve(_planned.Value.Changes);
            return journal;
        }
        catch
        {
            journal.End();
            throw;
        }
    }

    /// <summary>Notes something beside the operation that must be ended whatever becomes of it; it changes no metadata.</summary>
    public Journal BeginBeside(string operation, JsonObject intent) => Journal.Begin(Place.StateDirectory, MomentIds.New(), operation, intent, _probe);

    /// <summary>Brings the metadata of the next state to stable storage beforehand; it counts when it is decided.</summary>
    /// <param name="journal">The operation.</param>
    /// <param name="next">The moments after it: those that it was begun with, but for one moment that was described anew since.</param>
    /// <param name="moment">That moment.</param>
    public void Stage(Journal journal, DomainMoments next, MomentKey moment)
    {
        _planned = (next, Store.Renew(_planned!.Value.Changes, next, moment));
        journal.Stage(_planned.Value.Changes);
    }

    /// <summary>The files that change with the next state.</summary>
    public FileChanges ChangesTo(DomainMoments next) =>
        _planned is { } planned && ReferenceEquals(planned.Next, next) ? planned.Changes : Store.Difference(State, next);

    /// <summary>Decides the operation: its metadata is written as one.</summary>
    /// <param name="journal">The operation.</param>
    /// <param name="next">The moments after it.</param>
    /// <param name="others">Further files of the domain that change with them: relative path and content, null to delete the file.</param>
    public void Commit(Journal journal, DomainMoments next, params ReadOnlySpan<(string Path, string? Content)> others)
    {
        FileChanges changes = ChangesTo(next);
        _planned = null;
        if (others.Length > 0)
        {
            var files = new Dictionary<string, string?>(changes.Files, StringComparer.Ordinal);
            foreach ((string path, string? content) in others)
                files[path] = content;
            changes = new FileChanges(files);
        }

        journal.Commit(changes);
        State = next;
        // From here on the machine is what its new definition says.
        foreach ((string path, string? content) in others)
            if (path == DomainCatalogue.DocumentName && content is not null)
                Domain = DomainDocument.Parse(content, Path.Combine(Place.StateDirectory, path));
    }

    /// <summary>Gives what follows under the same lock another id: what the operation made so far may bear the old one for ever.</summary>
    public void Renew() => Id = MomentIds.New();

    /// <summary>A name that no moment has yet; in an empty or exhausted case the rule that was broken is told.</summary>
    public void RequireFree(string name)
    {
        if (State.Moments.Keys.Any(key => key.Name == name) || Store.IsTaken(name))
            throw new MomentException(MomentErrors.MomentExists, $"Cannot make moment '{name}': '{Place.Name}' already has a moment of that name.", name, "Choose another name, or remove the old one first.");
    }

    /// <summary>Somebody wrote to a layer that snapshots stand on: the error that stops whatever was to be done.</summary>
    public MomentException Written(string operation, FrozenDamage damage, IOperationReport report)
    {
        DomainMoments whole = IsWhole ? State : Store.Load(report.Failure);
        return OwnerErrors.Written(Place.Name, operation, damage, FrozenLayers.Standing(whole.Disk(damage.Disk), damage.Layer.Id));
    }

    public void Dispose() => _lock.Dispose();
}
