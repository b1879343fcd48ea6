using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// Test-VMBackup on a repository: every byte against its hash, the documents, what the images name, whether all that they stand on is there,
/// qemu-img check. Reads only, takes no lock; each file is read once, however many backups stand on it.
/// </summary>
/// <param name="repository">The repository.</param>
/// <param name="domainDirectory">The machine's directory in it.</param>
/// <param name="vm">The machine's name, for findings.</param>
/// <param name="report">Where progress and warnings go.</param>
internal sealed class BackupTest(BackupRepository repository, string domainDirectory, string vm, IOperationReport report)
{
    private const int Attempts = 3;

    // qemu-img counts references in memory: so much for one image is all right.
    private const long MostCountBytes = 512L << 20;

    private readonly ImageCheck? _images = ImageCheck.Find();

    /// <summary>What is wrong, and the backups that were tested; both of one state of the repository.</summary>
    public async Task<(BackupFindings Findings, IReadOnlyList<BackupManifest> Tested, IReadOnlyList<BackupManifest> Backups)> RunAsync(TestBackupRequest request, CancellationToken cancellation)
    {
        if (_images is null)
            report.Warning("qemu-img is not installed: the images were compared with their hashes, and not checked by it.");
        for (int attempt = 1; ; attempt++)
        {
            List<MomentException> broken = [];
            IReadOnlyList<BackupManifest> backups = repository.Backups(domainDirectory, broken.Add);
            var findings = new BackupFindings(vm);
            IReadOnlyList<BackupManifest> chosen = Choose(backups, broken, request);
            await LookAsync(backups, broken, chosen, request, findings, cancellation);
            // Whoever removes or merges backups meanwhile takes files away: what was missing then is no damage.
            if (findings.All.Count == 0 || attempt == Attempts || Same(backups, repository.Backups(domainDirectory, _ => { })))
                return (findings, chosen, backups);
            report.Verbose("The repository was changed meanwhile: it is tested again.");
        }
    }

    private static bool Same(IReadOnlyList<BackupManifest> before, IReadOnlyList<BackupManifest> after) =>
        before.Select(backup => (backup.Id, backup.Checksum)).SequenceEqual(after.Select(backup => (backup.Id, backup.Checksum)));

    private List<BackupManifest> Choose(IReadOnlyList<BackupManifest> backups, List<MomentException> broken, TestBackupRequest request)
    {
        HashSet<string> ids = new(request.Ids, StringComparer.Ordinal);
        // Of nothing nothing is wrong; but who asks wants to know that he has backups.
        if (ids.Count == 0 && backups.Count == 0 && broken.Count == 0)
            throw BackupErrors.NotFound(BackupErrors.BackupNotFound, $"There are no backups of '{vm}' to test.", vm, [], "backups");
        List<BackupManifest> chosen = [.. backups.Where(backup => ids.Count == 0 || ids.Contains(backup.Id))];
        if (ids.FirstOrDefault(id => chosen.TrueForAll(backup => backup.Id != id) && !broken.Exists(one => BackupSelection.IdOf(one) == id)) is { } unknown)
            throw BackupErrors.NotFound(BackupErrors.BackupNotFound, $"There is no backup '{unknown}' to test.", unknown, backups.Select(backup => backup.Id).Reverse(), "newest backups");
        foreach (string disk in request.Disks)
            if (chosen.Count > 0 && chosen.TrueForAll(backup => backup.FindDisk(disk) is null))
                throw BackupChain.UnknownDisk(chosen[^1], disk);
        return chosen;
    }

    private async Task LookAsync(
        IReadOnlyList<BackupManifest> backups, List<MomentException> broken, IReadOnlyList<BackupManifest> chosen, TestBackupRequest request, BackupFindings findings, CancellationToken cancellation)
    {
        var chains = new CheckedChains(backups, chosen, request.Disks);
        bool all = request.Ids.Count == 0;
        HashSet<string?> needed = [.. request.Ids, .. chains.Breaks.Select(one => one.Failure.Target)];
        foreach (MomentException failure in broken.Where(one => all || needed.Contains(BackupSelection.IdOf(one))))
            findings.Add(BackupSelection.IdOf(failure) ?? "", failure);
        if (all)
            new DomainDirectoryCheck(repository, domainDirectory, findings, report).Run();
        foreach ((BackupChain.Link link, MomentException failure) in chains.Breaks)
            findings.Add(link.Backup.Id, failure, link.Disk.Name, link.Path, above: chains.Above(link.Backup.Id, link.Disk.Name));
        foreach (BackupManifest backup in chains.Backups)
            await new BackupContents(backup, findings, report).CheckAsync(cancellation);

        HashSet<string> damaged = new(StringComparer.Ordinal);
        await foreach (BackupDamage damage in new BackupVerification(report).CheckAsync($"Testing the backups of {vm}", chains.Files, cancellation))
        {
            damaged.Add(damage.File.Path);
            findings.Add(damage.File.Backup.Id, damage.Failure, damage.File.Disk.Name, damage.File.Path, damage.Offset, chains.Above(damage.File.Backup.Id, damage.File.Disk.Name));
        }

        foreach (BackupChain.Link file in chains.Files.Where(file => !damaged.Contains(file.Path)))
            if (await FindUnsoundAsync(file, cancellation) is { } failure)
                findings.Add(file.Backup.Id, failure, file.Disk.Name, file.Path, above: chains.Above(file.Backup.Id, file.Disk.Name));
    }

    // Only what the hashes prove to be as it was made: of the rest it is known that it is damaged.
    private async Task<MomentException?> FindUnsoundAsync(BackupChain.Link file, CancellationToken cancellation)
    {
        if (_images is null)
            return null;
        Qcow2Header header;
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(file.Path, cancellation);
            header = image.Header;
        }
        catch (MomentException failure)
        {
            // It was there a moment ago: somebody changes the repository, or its storage fails.
            return failure;
        }

        if ((file.Disk.FileSize >> header.ClusterBits << header.RefcountOrder >> 3) > MostCountBytes)
        {
            report.Warning($"'{file.Path}' is too large to be checked by qemu-img: it was compared with its hashes.");
            return null;
        }

        (string? damage, bool leaks) = await _images.RunAsync(file.Path, file.Disk.FileSize, cancellation);
        if (leaks)
            report.Verbose($"qemu-img check finds clusters in '{file.Path}' that nothing refers to: they take space and do no harm.");
        return damage is null ? null : BackupCheckErrors.Unsound(file.Path, damage);
    }
}
