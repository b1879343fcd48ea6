using MomentTools.Blocks;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// A backup that is to be made: the machine is held and looked at, the machine's directory in the repository is held, and for each disk it is
/// decided what is stored and on what. Nothing of the machine or its moments is changed. Push and pull both begin with it.
/// </summary>
internal sealed class BackupWork : IAsyncDisposable
{
    private readonly FileLock _held;

    private BackupWork(FileLock held) => _held = held;

    public required ChangeScope Scope { get; init; }

    /// <summary>The line to whoever owns the disks.</summary>
    public required BlockSession Session { get; init; }

    public required GuestFreeze Guest { get; init; }

    public required BackupRequest Request { get; init; }

    public required BackupRepository Repository { get; init; }

    /// <summary>The machine's directory in the repository.</summary>
    public required string Directory { get; init; }

    /// <summary>The id of the backup to be made.</summary>
    public required string Id { get; init; }

    /// <summary>The backups there are, the oldest first.</summary>
    public required IReadOnlyList<BackupManifest> Backups { get; init; }

    /// <summary>What is on each disk, and what it stands on.</summary>
    public required IReadOnlyDictionary<string, ObservedLayer> Seen { get; init; }

    /// <summary>One for each disk.</summary>
    public required IReadOnlyList<BackupDecision> Decisions { get; init; }

    /// <summary>The checkpoint to be made at the same instant; null for a copy, and where no disk can be tracked.</summary>
    public required StoredMoment? Moment { get; init; }

    /// <summary>The disks that the checkpoint covers.</summary>
    public IEnumerable<SessionDisk> Tracked => Moment is null ? [] : CheckpointCreation.Tracked(Moment).Select(disk => Session.Disks[disk]);

    public string Vm => Scope.Place.Name;

    public Guid Uuid => Scope.Domain.Uuid!.Value;

    /// <summary>
    /// Whether a block snapshot holds the instant while the disks are read: asked for, or there is something to compare, which on a machine
    /// that runs takes content that stands still.
    /// </summary>
    public bool IsPull => Session.IsMachine && (Request.Pull || Decisions.Any(decision => decision.Compare));

    public static async Task<BackupWork> PrepareAsync(EngineContext context, ChangeScope scope, BackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.Description is { Length: > BackupManifestRules.LongestText } description)
            throw BackupErrors.DescriptionTooLong(scope.Place.Name, description.Length);
        string[] disks = BackupDisks.Choose(scope.Domain, request.Disks, report);
        string[] tracked = request.Kind == VMBackupKind.Copy ? [] : BackupDisks.Tracked(scope.Domain, disks);
        await BitmapCapability.RequireAsync(scope.Domain, tracked, cancellation);
        ServedDisks.Of(scope.Place).RefuseHeld(disks, $"back up '{scope.Place.Name}'");
        // The disks first: where they cannot be had, no repository is begun.
        BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        GuestFreeze? guest = null;
        FileLock? held = null;
        try
        {
            foreach (string difference in session.Differences)
                report.Warning(difference);
            guest = await GuestFreeze.PrepareAsync(scope, session, request.Quiesce, context.Agent, report, cancellation);
            BackupRepository repository = BackupRepository.Open(request.Repository, create: true);
            string operation = $"Backup-VMDomain {scope.Place.Name}", directory = await repository.MakeDomainAsync(scope.Place.Name, scope.Domain.Uuid!.Value, operation, context.LockTimeout, cancellation);
            held = await repository.TakeLockAsync(directory, operation, context.LockTimeout, cancellation);
            await repository.RecoverAsync(directory, report, cancellation);
            IReadOnlyList<BackupManifest> backups = repository.Backups(directory, broken => report.Warning(broken.Message));
            string id = repository.NextId(directory, DateTimeOffset.UtcNow);
            // Looked at now, not at the opening: the repository may have been waited for.
            IReadOnlyDictionary<string, ObservedLayer> seen = await LayerAcceptance.SettleAsync(scope.State, session.Disks.Values, await SessionView.ReadAsync(session, scope.State, cancellation), cancellation);
            BackupCandidates candidates = BackupCandidates.Choose(backups, request.Kind, request.Since);
            BackupDecision[] decisions = [.. disks.Select(disk => BackupDecision.Make(session.Disks[disk], request.Kind, candidates, scope.State.Disk(disk), seen[disk], scope.Store.Segments))];
            foreach (BackupDecision decision in decisions)
                report.Verbose($"Disk '{decision.Disk.Name}' is backed up {How(decision)}.");
            StoredMoment? moment = tracked.Length == 0 ? null
                : CheckpointCreation.Describe(scope, new CreateCheckpointRequest { Name = "backup-" + id, Disks = tracked, Description = request.Description }, repository.Root);
            await StartCheck.WarnAsync(scope, seen, decisions.Where(decision => decision.Reason is not null).Select(decision => decision.Disk.Name), report, cancellation);
            return new BackupWork(held)
            {
                Scope = scope, Session = session, Guest = guest, Request = request, Repository = repository, Directory = directory, Id = id,
                Backups = backups, Seen = seen, Decisions = decisions, Moment = moment,
            };
        }
        catch
        {
            held?.Dispose();
            if (guest is not null)
                await guest.DisposeAsync();
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Begins the backup's directory.</summary>
    public BackupStaging Stage(IOperationReport report) => Repository.Stage(Directory, Uuid, Id, report);

    /// <summary>The target files of a backup that is staged; nothing is made yet.</summary>
    /// <param name="staging">Where they are written.</param>
    /// <param name="decisions">What is stored of each disk.</param>
    /// <param name="differing">By disk what a comparison with its parent found.</param>
    public BackupJob[] Jobs(BackupStaging staging, IReadOnlyList<BackupDecision> decisions, IReadOnlyDictionary<string, ExtentMap> differing) =>
        [.. decisions.Select((decision, index) => BackupJob.Make(decision, staging.DiskPath(decision.Disk.Name), $"mt-{Scope.Id}-{index}", Scope.Domain.Monitor is not null) with { Differing = differing.GetValueOrDefault(decision.Disk.Name) })];

    /// <summary>What whoever asked for the backup is told of it.</summary>
    public VMBackup ToResult(BackupManifest manifest) => new BackupRelations([.. Backups, manifest]).ToResult(manifest, Repository.Root);

    public async ValueTask DisposeAsync()
    {
        await Guest.DisposeAsync();
        await Session.DisposeAsync();
        _held.Dispose();
    }

    private static string How(BackupDecision decision)
    {
        string what = decision.Parent is not { } parent ? "in full" : decision.Compare ? $"as an increment on {parent.Id}, of what a comparison finds" : $"as an increment on {parent.Id}";
        return decision.Reason is { } reason ? $"{what}, because {reason}" : what;
    }
}
