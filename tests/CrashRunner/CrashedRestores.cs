namespace MomentTools.CrashRunner;

/// <summary>Restores of the newest backup; the argument is the repository, and new files come to lie beside it.</summary>
internal static class CrashedRestores
{
    public const string Prefix = "backup-restore-";

    public static Task RunAsync(MomentEngine engine, string vm, string operation, string repository, IOperationReport report)
    {
        var request = new RestoreBackupRequest { Repository = repository };
        string files = Path.Combine(Path.GetDirectoryName(repository)!, "restored");
        return operation switch
        {
            "backup-restore-in-place" => engine.RestoreBackupAsync(vm, request with { InPlace = true }, report, CancellationToken.None),
            "backup-restore-files" => engine.RestoreBackupAsync(vm, request with { Destination = files }, report, CancellationToken.None),
            "backup-restore-domain" => engine.RestoreBackupAsync(vm, request with { Destination = files, AsDomain = "copy" }, report, CancellationToken.None),
            _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
        };
    }
}
