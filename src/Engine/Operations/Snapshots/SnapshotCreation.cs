using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Metadata;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>New-VMSnapshot: all disks that take part at one instant, running, paused or stopped, inside the images or as new layers, with the memory or without.</summary>
internal sealed class SnapshotCreation(EngineContext context)
{
    public const string Operation = "snapshot-create";

    public async Task<VMSnapshot> RunAsync(string vm, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.Redefine)
            return await RedefineAsync(vm, request, report, cancellation);
        using ChangeScope scope = await ChangeScope.OpenTipsAsync(context, vm, "New-VMSnapshot", report, cancellation);
        SnapshotWish wish = SnapshotWish.Of(scope, request);
        if (wish.Kind == SnapshotMode.External && InsideImages.Of(scope.State, wish.Disks).Words is { Count: > 0 } beneath)
            report.Warning($"A new layer on '{vm}' puts out of reach what lies inside the image beneath it: {string.Join(", ", beneath)}. Such a state can be gone to only while the machine writes to its image; a snapshot with -Internal leaves it so. What one of them holds can still be copied: qemu-img convert -f qcow2 -l snapshot.name=TAG -O qcow2 IMAGE NEW.qcow2, with a tag of 'qemu-img snapshot -l IMAGE'.");
        return await TakeAsync(scope, wish, request, report, cancellation);
    }

    /// <summary>What could not be gone to any more, because it lies inside images that would get layers: "branch 'a'", "snapshot 'b'". Nothing is changed.</summary>
    public IReadOnlyList<string> Plan(string vm, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        // A document that comes through a pipe can be read once: what it means is told when it is done.
        if (request.Redefine || request.XmlPath is { } path && !(Libc.RealPath(path) is { } file && PlainFile.WhyNot(file) is null))
            return [];
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure);
        cancellation.ThrowIfCancellationRequested();
        return InsideImages.Of(state, SnapshotWish.Layered(domain, request)).Words;
    }

    /// <summary>Takes one within a change that is under way.</summary>
    public Task<VMSnapshot> RunAsync(ChangeScope scope, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation) =>
        TakeAsync(scope, SnapshotWish.Of(scope, request), request, report, cancellation);

    private async Task<VMSnapshot> TakeAsync(ChangeScope scope, SnapshotWish wish, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        string vm = scope.Place.Name;
        string what = $"take snapshot '{wish.Moment.Key.Name}' of '{vm}'";
        if (wish.Kind == SnapshotMode.External || request.Halt)
            OwnerCheck.Require(scope.Domain, request.AcceptOwner, what);
        if (wish.Kind == SnapshotMode.Internal)
            ServedDisks.Of(scope.Place).Refuse(wish.Disks, what);
        if (wish.Kind == SnapshotMode.Internal && !request.NoMetadata)
            await BitmapCapability.RequireAsync(scope.Domain, wish.Disks, cancellation);
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, wish.Disks, BlockAccess.Change, cancellation);
        foreach (string difference in session.Differences)
            report.Warning(difference);
        if (session.IsMachine)
            await DiskJobs.RefuseAsync(session, vm, cancellation);
        bool memory = RequireMemory(wish, session, request, vm);
        // QEMU 7.2 gives the migration up: a copy-before-write filter does not let go of what it writes to.
        if (memory && wish.Kind == SnapshotMode.External && ServedDisks.Of(scope.Place) is var served && served.Names.FirstOrDefault() is { } held)
            throw SnapshotCreationErrors.MemoryHeld(vm, held, served.UserOf(held)!.Value);
        if (wish.Kind == SnapshotMode.Internal)
        {
            await using var inside = new InternalSnapshot(scope, session, wish, request, memory, report);
            await inside.PrepareAsync(context.Agent, cancellation);
            return await inside.TakeAsync(cancellation);
        }

        SnapshotFiles files = SnapshotFiles.Plan(wish, request, scope.Domain, wish.Disks.Select(name => session.Disks[name]), memory);
        await using var external = new ExternalSnapshot(scope, session, wish, request, files, report);
        await external.PrepareAsync(context.Agent, cancellation);
        return await external.TakeAsync(cancellation);
    }

    /// <summary>What a user holds of a snapshot that was just taken.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="state">Its moments, this one among them.</param>
    /// <param name="key">The snapshot.</param>
    /// <param name="seen">What is on the covered disks now, as it follows from what was done.</param>
    public static VMSnapshot Result(string vm, DomainMoments state, MomentKey key, IReadOnlyDictionary<string, ObservedLayer> seen)
    {
        MomentTree tree = state.Tree(out _);
        return new MomentResults(vm, state, tree, seen).Snapshot(tree.Find(key)!);
    }

    /// <summary>The version of a qcow2 image; null where its header cannot be read by this user.</summary>
    public static async Task<int?> VersionAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return (await DiskChain.HeaderAsync(path, cancellation)).Version;
        }
        catch (MomentException failure) when (failure.Kind == ErrorKind.AccessDenied)
        {
            return null;
        }
    }

    private static bool RequireMemory(SnapshotWish wish, BlockSession session, CreateSnapshotRequest request, string vm)
    {
        if (wish.Memory == true && !session.IsMachine)
            throw SnapshotCreationErrors.NoMemory(vm, "it is stopped");
        bool memory = wish.Memory ?? session.IsMachine;
        if (memory && request.Quiesce)
            throw new MomentException(
                SnapshotCreationErrors.SnapshotOptionsExclusive, $"Cannot take a snapshot of '{vm}' with -Quiesce and its memory: the guest would be frozen in it.", vm, "Add -DiskOnly, or leave -Quiesce out.");
        return memory;
    }

    // Nothing is done to the machine: libvirt halts it where it is told to redefine and to halt.
    private async Task<VMSnapshot> RedefineAsync(string vm, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        SnapshotDocument given = SnapshotWish.Given(request) ?? new SnapshotDocument();
        SnapshotOptions.Check(request, given, request.Name ?? given.Name ?? "", SnapshotMode.External);
        IReadOnlyList<VMMoment> made = await new MomentImport(context).RunAsync(
            vm, new ImportMomentsRequest { Documents = request.Xml is { } xml ? [xml] : [], Paths = request.XmlPath is { } path ? [path] : [], Current = request.Current, MetadataOnly = true }, report, cancellation);
        return made[0] as VMSnapshot ?? throw new InvalidOperationException("A snapshot's document became another moment.");
    }
}
