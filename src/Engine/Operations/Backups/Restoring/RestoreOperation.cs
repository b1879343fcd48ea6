using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>Restore-VMBackup: which machine, which of its backups, and which way.</summary>
/// <param name="context">What operations work with.</param>
/// <param name="runtimeRoot">Where sockets may lie.</param>
internal sealed class RestoreOperation(EngineContext context, string runtimeRoot)
{
    private readonly string _runtimeDirectory = BackupRepository.RuntimeDirectory(runtimeRoot);

    public Task<IReadOnlyList<VMRestoredDisk>> RunAsync(string vm, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        // Completion ends a directory with a slash; where its files lie is found by its name.
        if (request.Destination is { Length: > 0 } given)
            request = request with { Destination = Path.TrimEndingDirectorySeparator(Path.GetFullPath(given)) };
        if (request is { Move: true, Instant: false })
            return new InstantMove(context).RunAsync(request.AsDomain ?? throw InstantErrors.Incomplete(vm, "no name of the domain to move is given", "Name it with -AsDomain."), BackupRepository.Open(request.Repository, create: false), report, cancellation);
        (BackupRepository repository, string directory) = Open(vm, request);
        if (request.Instant)
            return new InstantRestore(context, repository).RunAsync(directory, request, report, cancellation);
        return RepositoryReading.RunAsync(directory, () =>
        {
            BackupSelection selection = BackupSelection.Choose(repository, directory, request, report);
            if (request.InPlace)
                return new InPlaceRestore(context).RunAsync(Machine(vm, selection), selection, report, cancellation);
            var files = new BackupRestore(context, _runtimeDirectory);
            return request.AsDomain is null ? files.RunAsync(selection, request, report, cancellation) : new DomainRestore(context, files).RunAsync(selection, request, report, cancellation);
        }, report, cancellation);
    }

    /// <summary>What a restore in place would write; nothing is changed.</summary>
    public Task<IReadOnlyList<VMRestoredDisk>> PlanAsync(string vm, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        (BackupRepository repository, string directory) = Open(vm, request);
        return RepositoryReading.RunAsync(directory, () =>
        {
            BackupSelection selection = BackupSelection.Choose(repository, directory, request, report);
            return new InPlaceRestore(context).PlanAsync(Machine(vm, selection), selection, report, cancellation);
        }, report, cancellation);
    }

    private (BackupRepository Repository, string Directory) Open(string vm, RestoreBackupRequest request)
    {
        Require(request);
        BackupRepository repository = BackupRepository.Open(request.Repository, create: false);
        Guid? uuid = request.Uuid
            ?? (context.Catalogue.Names().Contains(vm, StringComparer.Ordinal) ? context.Catalogue.Load(context.Catalogue.Place(vm)).Uuid : null);
        return (repository, (uuid is { } known ? repository.FindDomain(known) : null) ?? repository.FindDomain(vm));
    }

    // By its UUID: since the backup it may have got another name, and its name another machine.
    private string Machine(string vm, BackupSelection selection) =>
        context.Catalogue.NameOf(selection.Backup.Uuid)
        ?? throw InPlaceErrors.MachineUnknown(selection.Backup, context.Catalogue.Names().Contains(vm, StringComparer.Ordinal) ? vm : null);

    private static void Require(RestoreBackupRequest request)
    {
        if (request is { Id: not null, Until: not null })
            throw BackupErrors.Options("both its id and a time are given.", "Give one of the two: -Id or -Until.");
        if (request.InPlace && (request.Destination is not null || request.AsDomain is not null))
            throw BackupErrors.Options("in place no new file and no new machine is made.", "Give one of them: -InPlace, or -Destination with or without -AsDomain.");
        if (!request.InPlace && string.IsNullOrEmpty(request.Destination))
            throw new MomentException(BackupErrors.RestoreDestinationMissing, "Cannot restore the backup: no directory is named for the new files.", null, "Name one with -Destination.");
        if (request.Format is not ("qcow2" or "raw"))
            throw new MomentException(BackupErrors.RestoreFormatUnsupported, $"A backup cannot be restored to the format '{request.Format}'.", request.Format, "Use qcow2 or raw.");
    }
}
