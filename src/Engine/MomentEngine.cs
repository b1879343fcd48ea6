using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Serving;

namespace MomentTools;

/// <summary>
/// The one door to the engine. Each method is one story: it checks before it touches anything, leaves nothing half-done,
/// and throws <see cref="MomentException"/> with a stable id. Safe to use from several threads.
/// </summary>
public sealed partial class MomentEngine
{
    private readonly MomentEngineOptions _options;
    private readonly EngineContext _context;
    private readonly DomainLifeOperations _life;
    private readonly MomentCompletion _completion;

    /// <summary>Opens the engine on the usual places.</summary>
    public MomentEngine()
        : this(MomentEngineOptions.FromEnvironment())
    {
    }

    /// <summary>Opens the engine on the given places. Nothing is created or read yet.</summary>
    public MomentEngine(MomentEngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _context = new EngineContext(new DomainCatalogue(options.StateRoot, options.RuntimeRoot), options.LockTimeout, options.Probe, options.Agent);
        _life = new DomainLifeOperations(_context.Catalogue);
        _completion = new MomentCompletion(_context.Catalogue);
    }

    /// <summary>The names of the domains that a name or a wildcard pattern means; a plain name that matches nothing is an error with near candidates (VMNotFound).</summary>
    public IReadOnlyList<string> FindDomains(string nameOrPattern) =>
        _context.Catalogue.Find(nameOrPattern);

    /// <summary>Makes a machine known, from its definition or from the monitor of one that somebody else started.</summary>
    public async Task<VMDomain> RegisterDomainAsync(RegisterDomainRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (!request.Update)
        {
            VMDomain made = await _life.RegisterAsync(request, report, cancellation);
            await StartCheck.OfAttachedAsync(_context, made.Name, report, cancellation);
            return await CompleteAsync(made, _context.Catalogue.Place(made.Name), report, cancellation);
        }

        DomainPlace place = await new DomainUpdate(_context).RunAsync(request, report, cancellation);
        await StartCheck.OfAttachedAsync(_context, place.Name, report, cancellation);
        return await GetDomainAsync(place.Name, report, cancellation);
    }

    /// <summary>What is known of a machine, and what it is doing now.</summary>
    public async Task<VMDomain> GetDomainAsync(string vm, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = _context.Catalogue.Place(vm);
        return await CompleteAsync(await _life.DescribeAsync(place, report, cancellation), place, report, cancellation);
    }

    /// <summary>Starts QEMU for a machine; with <paramref name="paused"/> the guest waits.</summary>
    public async Task<VMDomain> StartDomainAsync(string vm, bool paused, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, vm, "Start-VMDomain", recover: true, report, cancellation, anyway: true);
        ServedDisks.Of(scope.Place).RefuseHeld(scope.Domain.Disks.Select(disk => disk.Target), $"start domain '{scope.Place.Name}'");
        await BackingGate.RequireAsync(scope.Domain, scope.State, $"start domain '{scope.Place.Name}'", cancellation);
        await StartCheck.RequireFrozenAsync(scope, report, cancellation);
        VMDomain started = await _life.StartAsync(scope.Place, paused, null, report, cancellation);
        await StartCheck.RunAsync(scope, report, cancellation);
        return await CompleteAsync(started, scope.Place, report, cancellation);
    }

    /// <summary>Stops a machine: asks the guest to shut down and waits; with <paramref name="force"/> ends QEMU at once, closing the images cleanly.</summary>
    public async Task<VMDomain> StopDomainAsync(string vm, bool force, TimeSpan timeout, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = _context.Catalogue.Place(vm);
        // Nothing pending is recovered here: a machine that is to be stopped is stopped, and what is pending can be undone on its files.
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Stop-VMDomain", _context.LockTimeout, cancellation);
        place = _context.Catalogue.Place(vm);
        VMDomain stopped = await _life.StopAsync(place, force, timeout, report, cancellation);
        await ChangeScope.SweepStoppedAsync(_context, held, place, report);
        return await CompleteAsync(stopped, place, report, cancellation);
    }

    /// <summary>What ends with a machine when it stops: its block snapshots and block exports, each as a part of a sentence.</summary>
    public Task<IReadOnlyList<string>> PlanStopAsync(string vm, IOperationReport report, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(ServedDisks.Of(_context.Catalogue.Place(vm)).Words);
    }

    /// <summary>The moments of a machine that a query asks for.</summary>
    public Task<IReadOnlyList<VMMoment>> GetMomentsAsync(string vm, MomentQuery query, IOperationReport report, CancellationToken cancellation) =>
        new MomentListing(_context).RunAsync(vm, query, report, cancellation);

    /// <summary>Takes a checkpoint on all its disks at one instant.</summary>
    public Task<VMCheckpoint> CreateCheckpointAsync(string vm, CreateCheckpointRequest request, IOperationReport report, CancellationToken cancellation) =>
        request.NoMetadata
            ? new BitmapCreation(_context).RunAsync(vm, request, report, cancellation)
            : new CheckpointCreation(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>The moments that a removal would remove, in the order of removal; nothing is changed.</summary>
    public Task<IReadOnlyList<VMMoment>> PlanRemovalAsync(string vm, RemoveMomentRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainMoments state = new MomentStore(_context.Catalogue.Place(vm).StateDirectory).Load(report.Failure);
        MomentTree tree = state.Tree(out _);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult<IReadOnlyList<VMMoment>>(Results(vm, state, tree, CheckpointRemoval.Plan(tree, request)));
    }

    /// <summary>Removes moments: checkpoints in one transaction, snapshots so that they can be undone for the usual time. The tracking between the moments that stay goes on.</summary>
    public async Task<IReadOnlyList<VMMoment>> RemoveMomentsAsync(string vm, RemoveMomentRequest request, IOperationReport report, CancellationToken cancellation)
    {
        (DomainMoments before, MomentTree tree, IReadOnlyList<Moment> removed) = await new Operations.Layers.SnapshotRemoval(_context).RunAsync(vm, "Remove-VMMoment", request, new RemoveSnapshotRequest { Name = request.Name, KeepSince = request.KeepSince }, report, cancellation);
        return Results(vm, before, tree, removed);
    }

    /// <summary>The dirty bitmaps that are in a machine's images.</summary>
    public Task<IReadOnlyList<VMBitmap>> GetBitmapsAsync(string vm, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        new BitmapListing(_context).RunAsync(vm, disks, report, cancellation);

    /// <summary>The dirty bitmaps that are in an image file.</summary>
    public Task<IReadOnlyList<VMBitmap>> GetBitmapsOfFileAsync(string path, CancellationToken cancellation) =>
        BitmapListing.OfFileAsync(path, cancellation);

    /// <summary>Sends one QMP command to a running machine and gives QEMU's answer.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="command">The command, as QAPI names it.</param>
    /// <param name="argumentsJson">Its arguments as a JSON object, or null.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public Task<JsonElement> InvokeQmpAsync(string vm, string command, string? argumentsJson, CancellationToken cancellation) =>
        QmpPassage.RunAsync(_context, vm, command, argumentsJson, cancellation);

    private Task<VMDomain> CompleteAsync(VMDomain domain, DomainPlace place, IOperationReport report, CancellationToken cancellation) =>
        DomainDescription.CompleteAsync(domain, place, _context.Catalogue.Load(place), report, cancellation);

    private static IReadOnlyList<VMMoment> Results(string vm, DomainMoments state, MomentTree tree, IEnumerable<Moment> moments)
    {
        var results = new MomentResults(vm, state, tree, new Dictionary<string, ObservedLayer>(StringComparer.Ordinal));
        return [.. moments.Select(results.Of)];
    }
}
