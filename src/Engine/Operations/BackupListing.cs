using MomentTools.Moments;
using MomentTools.Operations.Backups;

namespace MomentTools.Operations;

/// <summary>Get-VMBackup: what a repository holds, oldest first.</summary>
internal static class BackupListing
{
    public static IReadOnlyList<VMBackup> Run(string path, string? vm, string? id, IOperationReport report)
    {
        BackupRepository repository = BackupRepository.Open(path, create: false);
        WildcardPattern? pattern = vm is null ? null : new WildcardPattern(vm);
        List<VMBackup> found = [.. repository.DomainDirectories().SelectMany(directory => Results(repository, directory, report))
            .Where(backup => pattern is null || backup.VM == vm || pattern.IsMatch(backup.VM))
            .OrderBy(backup => backup.Created).ThenBy(backup => backup.Id, StringComparer.Ordinal)];
        if (vm is not null && found.Count == 0 && vm.AsSpan().IndexOfAny("*?[") < 0)
            repository.FindDomain(vm);
        if (id is null)
            return found;
        List<VMBackup> one = [.. found.Where(backup => backup.Id == id)];
        return one.Count > 0 ? one : throw BackupErrors.NotFound(BackupErrors.BackupNotFound, $"The backup repository '{repository.Root}' has no backup '{id}'.", id, found.Select(backup => backup.Id), "backups in it");
    }

    private static IEnumerable<VMBackup> Results(BackupRepository repository, string directory, IOperationReport report)
    {
        IReadOnlyList<BackupManifest> backups = repository.Backups(directory, report.Failure);
        var relations = new BackupRelations(backups);
        return backups.Select(backup => relations.ToResult(backup, repository.Root));
    }
}
