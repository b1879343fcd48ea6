using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Backups;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Get-VMBackup: what a repository holds.</summary>
internal sealed class BackupListing
{
    private readonly BackupRepository _repository;
    private readonly IReadOnlyList<VMBackup> _found;

    /// <summary>Reads the manifests.</summary>
    /// <param name="path">The repository's directory.</param>
    /// <param name="vm">A machine's name or a wildcard pattern, or null for all.</param>
    /// <param name="report">Where broken manifests are told.</param>
    public BackupListing(string path, string? vm, IOperationReport report)
    {
        _repository = BackupRepository.Open(path, create: false);
        WildcardPattern? pattern = vm is null ? null : new WildcardPattern(vm);
        _found = [.. _repository.DomainDirectories().SelectMany(directory => Results(directory, report))
            .Where(backup => pattern is null || backup.VM == vm || pattern.IsMatch(backup.VM))
            .OrderBy(backup => backup.Created).ThenBy(backup => backup.Id, StringComparer.Ordinal)];
        if (vm is not null && _found.Count == 0 && vm.AsSpan().IndexOfAny("*?[") < 0)
            _repository.FindDomain(vm);
    }

    /// <summary>The backups, the oldest first.</summary>
    /// <param name="id">A backup's id, or null for all.</param>
    public IReadOnlyList<VMBackup> Backups(string? id)
    {
        if (id is null)
            return _found;
        VMBackup[] one = [.. _found.Where(backup => backup.Id == id)];
        return one.Length > 0 ? one : throw BackupErrors.NotFound(BackupErrors.BackupNotFound, $"The backup repository '{_repository.Root}' has no backup '{id}'.", id, _found.Select(backup => backup.Id), "backups in it");
    }

    /// <summary>The same machine by machine, each in the order of its tree, with the lines of the drawing.</summary>
    public IReadOnlyList<VMBackup> Tree(string? id) =>
        [.. Backups(id).GroupBy(backup => backup.Uuid).SelectMany(machine => BackupTree.Draw([.. machine]))];

    /// <summary>The same as documents of libvirt that name the files which hold the disks.</summary>
    public IReadOnlyList<string> Documents(string? id)
    {
        Dictionary<(Guid, string), string?> checkpoints = [];
        foreach (VMBackup backup in _found)
            checkpoints[(backup.Uuid, backup.Id)] = backup.Checkpoint;
        // Always in the form of a push: libvirt's schema knows files of a backup there alone.
        return [.. Backups(id).Select(backup => new BackupDocument(Pull: false, null, [.. backup.Disks.Select(disk => new BackupDocumentDisk(disk.Name)
        {
            IsIncremental = disk.ParentId is not null,
            Incremental = disk.ParentId is null ? null : checkpoints.GetValueOrDefault((backup.Uuid, disk.ParentId)),
            TargetFile = disk.Path,
        })]).ToXml())];
    }

    private IEnumerable<VMBackup> Results(string directory, IOperationReport report)
    {
        IReadOnlyList<BackupManifest> backups;
        try
        {
            backups = _repository.Backups(directory, report.Failure);
        }
        catch (MomentException unreadable)
        {
            // Another user's, or another machine's that is in trouble: the others are listed all the same.
            report.Failure(unreadable);
            return [];
        }

        var relations = new BackupRelations(backups);
        return backups.Select(backup => relations.ToResult(backup, _repository.Root));
    }
}
