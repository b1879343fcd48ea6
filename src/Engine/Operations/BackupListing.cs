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
        List<VMBackup> found = [.. repository.DomainDirectories().SelectMany(directory => repository.Backups(directory, report.Failure))
            .Where(backup => pattern is null || backup.Vm == vm || pattern.IsMatch(backup.Vm))
            .OrderBy(backup => backup.Created).ThenBy(backup => backup.Id, StringComparer.Ordinal)
            .Select(backup => backup.ToResult(repository.Root))];
        if (vm is not null && found.Count == 0 && vm.AsSpan().IndexOfAny("*?[") < 0)
            repository.FindDomain(vm);
        if (id is null)
            return found;
        List<VMBackup> one = [.. found.Where(backup => backup.Id == id)];
        return one.Count > 0 ? one : throw BackupErrors.NotFound(BackupErrors.BackupNotFound, $"The backup repository '{repository.Root}' has no backup '{id}'.", id, found.Select(backup => backup.Id), "backups in it");
    }
}
