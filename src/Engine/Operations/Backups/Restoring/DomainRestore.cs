using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Restore-VMBackup -AsDomain: the backup as a machine of its own, which can run beside the one it is of. The files first, whole; then the
/// machine is registered, which decides. Where anything fails the files go; of a process that died, by the next restore into the directory.
/// </summary>
/// <param name="context">What operations work with.</param>
/// <param name="disks">Copies the disks.</param>
internal sealed class DomainRestore(EngineContext context, BackupRestore disks)
{
    private const string Firmware = "firmware variables";

    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(BackupSelection selection, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        string name = request.AsDomain!, directory = Path.GetFullPath(request.Destination!);
        RequireFree(name);
        DomainDocument original = await BackupDocuments.DomainAsync(selection.Backup, cancellation);
        byte[]? firmware = selection.Backup.Firmware is null ? null : await BackupDocuments.FirmwareAsync(selection.Backup, cancellation);
        RestoreNote.Sweep(directory, uuid => context.Catalogue.NameOf(uuid) is not null, report);
        Dictionary<string, string> names = selection.Disks.ToDictionary(disk => disk, disk => $"{name}.{disk}.{request.Format}", StringComparer.Ordinal);
        string variables = name + ".nvram.fd";
        DomainCopy copy = DomainCopy.Make(
            original, name, directory, names.ToDictionary(disk => disk.Key, disk => (Path.Combine(directory, disk.Value), request.Format), StringComparer.Ordinal),
            firmware is null ? null : Path.Combine(directory, variables));
        DefinitionTrust.Require(context.Catalogue, selection.Backup, copy.Domain, directory, request.TrustDefinition);
        using var files = new RestoreFiles(directory, names.Select(disk => (disk.Key, disk.Value)).Concat(firmware is null ? [] : [(Firmware, variables)]), copy.Domain.Uuid, report);
        IReadOnlyDictionary<string, long> written = await disks.CopyAsync(selection, files, request.Format, report, cancellation);
        if (firmware is not null)
            await BackupDocuments.StoreFirmwareAsync(selection.Backup, firmware, files.TemporaryOf(Firmware), files.PathOf(Firmware), cancellation);
        await files.PublishAsync(async () =>
        {
            context.Probe?.Invoke("restore-files:named");
            await new DomainLifeOperations(context.Catalogue).RegisterAsync(new RegisterDomainRequest { Xml = copy.Domain.ToXml(secure: true), XmlSource = copy.Domain.Source }, report, cancellation);
            context.Probe?.Invoke("restore-files:registered");
        });
        foreach (string note in copy.Notes)
            report.Warning(note);
        return [.. selection.Chains.Select(chain => BackupRestore.Result(selection, chain, files, request.Format, written) with { Domain = name })];
    }

    // The name that the machine gets is checked before an hour of copying, and again when it is registered.
    private void RequireFree(string name)
    {
        MomentNames.CheckDomain(name);
        if (context.Catalogue.Names().Contains(name, StringComparer.Ordinal))
            throw Machines.MachineErrors.Exists(name, "restore a backup as", "a domain of this name is registered already");
    }
}
