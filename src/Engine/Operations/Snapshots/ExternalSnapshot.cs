using System.Diagnostics;
using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// An external snapshot on its way. Steps: intent, with the whole change of the metadata; files; nodes; one transaction over all disks, with
/// a memory in the pause before the last part of it is sent; sidecar and facts of what was frozen; metadata, the machine's definition with
/// it. Until the transaction a failure or a crash undoes all of it. After it the machine writes to the new layers, and they stay whatever
/// happens: with the moment where it is whole, else without.
/// </summary>
internal sealed class ExternalSnapshot(ChangeScope scope, BlockSession session, SnapshotWish wish, CreateSnapshotRequest request, SnapshotFiles files, IOperationReport report) : IAsyncDisposable
{
    private SnapshotPlan _plan = null!;
    private IReadOnlyDictionary<string, ObservedLayer> _seen = null!;
    private IReadOnlyDictionary<string, DriverOptions> _options = null!;
    private GuestFreeze? _guest;
    private Journal? _journal;
    private FileStream? _memory;
    private FullMarks? _marks;
    private long _frozen;

    // Whether a machine that runs is stopped on the way, so that a crash must let it go on.
    private bool _stops;

    private bool Halts => request.Halt && session.IsMachine;

    /// <summary>Checks and plans everything; nothing is touched.</summary>
    public async Task PrepareAsync(GuestAgentOptions agent, CancellationToken cancellation)
    {
        _seen = await LayerAcceptance.SettleAsync(scope.State, session.Disks.Values, await SessionView.AtOpeningAsync(session, scope.State, cancellation), cancellation);
        Dictionary<string, (string Path, LayerFacts? Reused)> overlays = new(StringComparer.Ordinal);
        foreach (SessionDisk disk in session.Disks.Values)
            overlays[disk.Name] = (files.Overlays[disk.Name], request.ReuseExternal ? await ReusedOverlay.CheckAsync(disk, files.Overlays[disk.Name], cancellation) : null);
        QmpStatus? machine = session.IsMachine ? await session.Qmp.QueryStatusAsync(cancellation) : null;
        if (machine is not null && files.Memory is not null)
            MemorySaving.Require(machine, scope.Place.Name);
        string? status = machine?.Status;
        _stops = status == "running" && (files.Memory is not null || Halts);
        _plan = SnapshotPlan.Make(scope.State, Moment(wish.Moment.Created, StateOf(status)), scope.Id, InOrder(), _seen, overlays, await BitmaplessAsync(cancellation));
        _options = await OverlayNode.OptionsAsync(session, scope.Domain, cancellation);
        _guest = await GuestFreeze.PrepareAsync(scope, session, request.Quiesce, agent, report, cancellation);
        await StartCheck.WarnAsync(scope, _seen, _plan.Doubts.Keys, report, cancellation);
        foreach ((string disk, string doubt) in _plan.Doubts)
            report.Warning($"Disk '{disk}' of '{scope.Place.Name}': what changed between '{scope.State.Disk(disk).Current?.Name}' and now is lost, because {doubt}. From the new layer on it is recorded again.");
    }

    /// <summary>Takes the snapshot; it is decided when this returns.</summary>
    public async Task<VMSnapshot> TakeAsync(CancellationToken cancellation)
    {
        Begin();
        try
        {
            await MakeAsync(cancellation);
            if (files.Memory is not null)
                await MemorySaving.SaveAsync(session, _memory!, _ => FreezeAsync(), request.Live, goOn: !Halts, Progress(), cancellation);
            else
                await GuestFreeze.HoldAsync([_guest!], () => HaltedAsync(FreezeAsync, cancellation), report, cancellation);
            return await DecideAsync();
        }
        catch (Exception failure)
        {
            await SnapshotRecovery.AfterFailureAsync(scope, session, _journal!, _memory, failure, report);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        _memory?.Dispose();
        if (_marks is not null)
            await _marks.DisposeAsync();
        if (_guest is not null)
            await _guest.DisposeAsync();
    }

    private void Begin()
    {
        DomainMoments named = request.NoMetadata ? _plan.Nameless : _plan.Named;
        JsonObject intent = SnapshotRecovery.Intent(_plan.Steps, files.Memory, _stops, Halts, scope.ChangesTo(named), scope.ChangesTo(_plan.Nameless), Definition());
        _journal = scope.Begin(SnapshotCreation.Operation, intent, named);
        try
        {
            _journal.Reserve(new FileChanges(new Dictionary<string, string?>(scope.ChangesTo(named).Files, StringComparer.Ordinal) { ["domain.xml"] = Definition() }));
        }
        catch
        {
            _journal.End();
            throw;
        }
    }

    // The files first, empty: who they are is written down before anything is in them.
    private async Task MakeAsync(CancellationToken cancellation)
    {
        _journal!.Pass("files");
        JsonObject made = [];
        foreach (SnapshotStep step in _plan.Steps.Where(step => step.Made))
        {
            using FileStream file = OwnedFile.Create(step.Overlay.Path);
            OwnedFile.Model(file.SafeFileHandle, step.Base.Path);
            Identify(made, step.Overlay.Path);
        }

        if (files.Memory is { } memory)
        {
            _memory = OwnedFile.Create(memory);
            Identify(made, memory);
        }

        _journal.Extend(new JsonObject { ["made"] = made });
        // Each waits for QEMU and for storage: together they take little longer than one.
        Task[] layers = [.. _plan.Steps.Select(step => LayerAsync(step, cancellation))];
        Task<FullMarks> marks = FullMarks.MakeAsync(session, [.. _plan.Steps.Where(step => step.OldMarker is null).Select(step => step.Disk)], scope.Id + "m", cancellation);
        try
        {
            await Task.WhenAll([.. layers, marks]);
        }
        finally
        {
            // None goes on behind the back of the undoing.
            if (marks.IsCompletedSuccessfully)
                _marks = await marks;
        }

        if (files.Memory is not null)
            DurableFile.FlushDirectory(DurableFile.DirectoryOf(files.Memory));
        _journal.Pass("nodes");
    }

    private async Task LayerAsync(SnapshotStep step, CancellationToken cancellation)
    {
        if (step.Made)
            await OverlayFile.FormatAsync(session, step.Overlay.NodeName, step.Overlay.Path, step.Base.Path, step.BaseFormat, step.Size, cancellation);
        // The storage writes while QEMU opens.
        Task flush = step.Made ? OverlayFile.FlushAsync(step.Overlay.Path) : Task.CompletedTask;
        try
        {
            await step.Overlay.AddAsync(session.Qmp, null, _options[step.Disk], cancellation);
        }
        finally
        {
            await flush;
        }
    }

    private async Task HaltedAsync(Func<Task> instant, CancellationToken cancellation)
    {
        if (Halts)
            await MachineHalt.HoldAsync(session, cancellation);
        await instant();
    }

    // The instant itself. Not cancelled: a transaction whose answer was not awaited may have happened.
    private async Task FreezeAsync()
    {
        _journal!.Pass("transaction");
        DateTimeOffset instant = DateTimeOffset.UtcNow;
        await session.Qmp.TransactionAsync(_plan.Steps.SelectMany(step => step.Actions(_marks![step.Disk])), CancellationToken.None);
        _frozen = Stopwatch.GetTimestamp();
        _plan = _plan with { Named = _plan.Named.With(Moment(instant, ((SnapshotDocument)_plan.Named.Moments[wish.Moment.Key].Document).State!)) };
        _journal.Pass("frozen");
    }

    private async Task<VMSnapshot> DecideAsync()
    {
        await _marks!.DisposeAsync();
        IReadOnlyDictionary<string, Segment> segments = await FrozenSegments.ReadAsync(_plan.Steps, session.IsMachine ? session : null, scope.Id, CancellationToken.None);
        Task sidecar = Task.Run(() => FrozenSegments.Write(scope.Store.Segments, scope.Id, segments, report.Warning), CancellationToken.None);
        IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>> chains;
        try
        {
            await LayerAcceptance.VerifyAsync(scope.State, session.Disks.Values, _seen, CancellationToken.None);
            _journal!.Pass("close");
            await session.CloseAsync(CancellationToken.None);
            if (Halts)
                await MachineHalt.EndAsync(scope.Place, scope.Domain, report, CancellationToken.None);
            if (!session.IsMachine)
                foreach (SnapshotStep step in _plan.Steps)
                    DurableFile.FlushFile(step.Overlay.Path);
            chains = await FrozenFacts.ReadAsync(_plan.Steps, _frozen);
        }
        finally
        {
            // Never left behind: what comes next may be the undoing, which writes it as well.
            await sidecar;
        }

        _plan = _plan.With(FrozenFacts.ByLayer(_plan.Steps, chains));
        scope.Commit(_journal, request.NoMetadata ? _plan.Nameless : _plan.Named, ("domain.xml", Definition()));
        var after = _plan.Steps.ToDictionary(step => step.Disk, step => step.After(chains[step.Disk]), StringComparer.Ordinal);
        return SnapshotCreation.Result(scope.Place.Name, _plan.Named, wish.Moment.Key, after);
    }

    private string Definition() => SnapshotStep.Definition(scope.Domain, _plan.Steps).ToXml(secure: true);

    private IEnumerable<SessionDisk> InOrder() => wish.Disks.Select(name => session.Disks[name]);

    private async Task<IReadOnlySet<string>> BitmaplessAsync(CancellationToken cancellation)
    {
        HashSet<string> found = new(StringComparer.Ordinal);
        foreach (SessionDisk disk in session.Disks.Values.Where(disk => disk.Format == OverlayFile.Format && scope.State.Disk(disk.Name).ActiveTip is null))
            if (await SnapshotCreation.VersionAsync(disk.Path, cancellation) != 3)
                found.Add(disk.Name);
        return found;
    }

    // libvirt's words: what the machine did, where its memory is part of it.
    private string StateOf(string? status) => status is null ? "shutoff" : files.Memory is null ? "disk-snapshot" : status == "running" ? "running" : "paused";

    private StoredMoment Moment(DateTimeOffset created, string state) => wish.Moment with
    {
        Created = created,
        Document = wish.Document with
        {
            State = state,
            CreationTime = created.ToUnixTimeSeconds(),
            Memory = files.Memory is { } path ? new SnapshotMemory(SnapshotMode.External, path) : new SnapshotMemory(SnapshotMode.No),
            Disks = [.. wish.Document.Disks.Select(disk => files.Overlays.TryGetValue(disk.Name, out string? path) && disk.Mode == SnapshotMode.External
                ? disk with { Type = disk.Type ?? "file", DriverFormat = OverlayFile.Format, SourcePath = path } : disk)],
        },
    };

    private MemoryProgress Progress() => new(report, $"Taking snapshot '{wish.Moment.Key.Name}' of {scope.Place.Name}");

    private static void Identify(JsonObject made, string path)
    {
        FileStamp stamp = FileStamp.Of(path) ?? throw FileErrors.From(new IOException("the system does not describe it"), "look at", path);
        made[path] = new JsonObject { ["device"] = stamp.Device, ["inode"] = stamp.Inode };
    }
}
