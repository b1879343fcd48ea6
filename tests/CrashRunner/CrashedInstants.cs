namespace MomentTools.CrashRunner;

/// <summary>Machines that run on a backup; the argument is the repository.</summary>
internal static class CrashedInstants
{
    public const string Prefix = "instant-";

    public static Task RunAsync(MomentEngine engine, string vm, string operation, string repository, IOperationReport report) => operation switch
    {
        "instant-run" => engine.RestoreBackupAsync(
            vm, new RestoreBackupRequest { Repository = repository, AsDomain = "web2", Destination = Path.Combine(Path.GetDirectoryName(repository)!, "instant"), Instant = true }, report, CancellationToken.None),
        "instant-move" => engine.RestoreBackupAsync(vm, new RestoreBackupRequest { Repository = repository, AsDomain = "web2", Move = true }, report, CancellationToken.None),
        _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
    };
}
