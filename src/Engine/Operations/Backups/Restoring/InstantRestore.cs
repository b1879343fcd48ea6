using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Runs a backup at once, as a new domain whose disks are overlays on the repository's files; those are opened for reading only. Of the files
/// that it stands on all but the bytes is checked first: that all are there, with the size and the header that they should have.
/// </summary>
internal sealed class InstantRestore(EngineContext context, BackupRepository repository)
{
    public const string Operation = "restore-instant";

    private const string Cmdlet = "Restore-VMBackup";

    /// <summary>Registers and starts the machine: all of it, or nothing. With a move its disks take over the content while it runs.</summary>
    /// <param name="domainDirectory">The backed up machine's directory in the repository.</param>
    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(
        string domainDirectory, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        BackupSelection selection = BackupSelection.Choose(repository, domainDirectory, request, report);
        string vm = selection.Backup.Vm, name = Require(vm, request);
        DomainDocument original = await BackupDocuments.DomainAsync(selection.Backup, cancellation);
        await InstantUndo.ClearAsync(context, name, report, cancellation);
        var files = new InstantFiles(selection, request.Destination!, name);
        await files.CheckAsync(cancellation);
        DomainCopy copy = DomainCopy.Make(original, name, files.Directory, files.Disks, files.Firmware);
        DefinitionTrust.Require(context.Catalogue, selection.Backup, copy.Domain, files.Directory, request.TrustDefinition);
        await StartAsync(OnBackup(copy.Domain, selection), files, report, cancellation);
        foreach (string note in copy.Notes)
            report.Warning($"'{name}': {note}");
        report.Verbose($"'{name}' runs on the backup {selection.Backup.Id} of '{vm}', which must stay until it is moved or unregistered.");
        if (request.Move)
            await new InstantMove(context).RunAsync(name, repository, report, cancellation);
        return
        [
            .. selection.Chains.Select(chain => new VMRestoredDisk
            {
                VM = vm,
                BackupId = selection.Backup.Id,
                Disk = chain.Top.Disk.Name,
                Path = files.PathOf(chain.Top.Disk.Name),
                Format = "qcow2",
                Size = chain.Top.Disk.VirtualSize,
                Domain = name,
            }),
        ];
    }

    // The overlays name files of the repository, which lie elsewhere: what they are is known here.
    private static DomainDocument OnBackup(DomainDocument domain, BackupSelection selection) =>
        selection.Chains.Aggregate(domain, (made, chain) => made.WithBackingStore(chain.Top.Disk.Name, [.. chain.Links.Select(link => (link.Path, "qcow2", false))]));

    private string Require(string vm, RestoreBackupRequest request)
    {
        if (request.AsDomain is not { } name)
            throw InstantErrors.Incomplete(vm, "no name for the new domain is given", "Name it with -AsDomain.");
        MomentNames.CheckDomain(name);
        if ((Path.GetFullPath(request.Destination!) + "/").StartsWith(repository.Root.TrimEnd('/') + "/", StringComparison.Ordinal))
            throw InstantErrors.Incomplete(vm, $"'{request.Destination}' lies in the repository, where only backups are", "Choose another directory for what the guest writes.");
        return request.Format == "qcow2" ? name
            : throw InstantErrors.Incomplete(vm, $"an image of the format '{request.Format}' cannot stand on another one", "Leave -Format out, or leave -Instant out and start the new domain when it is restored.");
    }

    private async Task StartAsync(DomainDocument domain, InstantFiles files, IOperationReport report, CancellationToken cancellation)
    {
        FileLock? held = null;
        string id = MomentIds.New();
        try
        {
            // The journal appears with the domain, and is held from the first moment on: whoever finds it without its maker removes both.
            DomainPlace place = context.Catalogue.Add(domain, directory =>
            {
                held = DomainLock.TakeAsync(directory, Cmdlet, context.LockTimeout, CancellationToken.None).GetAwaiter().GetResult();
                Journal.Begin(directory, id, Operation, files.Intent(domain), context.Probe).Dispose();
            });
            JournalEntry entry = Journal.Pending(place.StateDirectory).Single(one => one.Id == id);
            try
            {
                context.Probe?.Invoke($"{Operation}:files");
                await files.MakeAsync(place.RuntimeDirectory, cancellation);
                context.Probe?.Invoke($"{Operation}:start");
                StartedMachine started = await new MachineLauncher(place, domain).StartAsync(
                    paused: false,
                    (_, _) =>
                    {
                        context.Probe?.Invoke($"{Operation}:opened");
                        files.RequireBackup();
                        return Task.CompletedTask;
                    },
                    cancellation);
                context.Probe?.Invoke($"{Operation}:started");
                foreach (string warning in started.Warnings)
                    report.Warning(warning);
                Journal.Remove(entry.Path);
            }
            catch
            {
                await InstantUndo.RunAsync(context, place, entry);
                throw;
            }
        }
        finally
        {
            held?.Dispose();
        }

        context.Probe?.Invoke($"{Operation}:end");
    }
}
