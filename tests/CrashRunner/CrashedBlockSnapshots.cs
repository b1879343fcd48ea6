namespace MomentTools.CrashRunner;

/// <summary>Operations on block snapshots; the argument is the name.</summary>
internal static class CrashedBlockSnapshots
{
    public const string Prefix = "block-snapshot-";

    public static Task RunAsync(MomentEngine engine, string vm, string operation, string name, IOperationReport report) => operation switch
    {
        "block-snapshot-new" => engine.CreateBlockSnapshotAsync(vm, new CreateBlockSnapshotRequest { Name = name }, report, CancellationToken.None),
        "block-snapshot-checkpoint" => engine.CreateBlockSnapshotAsync(vm, new CreateBlockSnapshotRequest { Name = name, NewCheckpoint = "instant" }, report, CancellationToken.None),
        "block-snapshot-remove" => engine.RemoveBlockSnapshotAsync(vm, name, report, CancellationToken.None),
        _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
    };
}
