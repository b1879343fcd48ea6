using MomentTools.Errors;

namespace MomentTools.CrashRunner;

/// <summary>The operations that the crash harness interrupts, by name.</summary>
internal static class CrashedOperations
{
    public static Task RunAsync(MomentEngine engine, string vm, string operation, string argument)
    {
        var report = new SilentReport();
        return operation switch
        {
            "checkpoint" => engine.CreateCheckpointAsync(vm, new CreateCheckpointRequest { Name = argument }, report, CancellationToken.None),
            "quiesce" => engine.CreateCheckpointAsync(vm, new CreateCheckpointRequest { Name = argument, Quiesce = true }, report, CancellationToken.None),
            "group" => engine.CreateCheckpointGroupAsync(vm.Split(','), new CreateCheckpointRequest { Name = argument }, report, CancellationToken.None),
            "group-quiesce" => engine.CreateCheckpointGroupAsync(vm.Split(','), new CreateCheckpointRequest { Name = argument, Quiesce = true }, report, CancellationToken.None),
            "mixed" => MixedAsync(engine, vm, argument, report),
            "snapshot" => engine.CreateSnapshotAsync(vm, new CreateSnapshotRequest { Name = argument, DiskOnly = true }, report, CancellationToken.None),
            "snapshot-memory" => engine.CreateSnapshotAsync(vm, new CreateSnapshotRequest { Name = argument, Memory = true }, report, CancellationToken.None),
            "snapshot-halt" => engine.CreateSnapshotAsync(vm, new CreateSnapshotRequest { Name = argument, DiskOnly = true, Halt = true }, report, CancellationToken.None),
            "snapshot-internal" => engine.CreateSnapshotAsync(vm, new CreateSnapshotRequest { Name = argument, DiskOnly = true, Internal = true }, report, CancellationToken.None),
            "snapshot-internal-memory" => engine.CreateSnapshotAsync(vm, new CreateSnapshotRequest { Name = argument, Memory = true, Internal = true }, report, CancellationToken.None),
            "remove" => engine.RemoveMomentsAsync(vm, new RemoveMomentRequest { Name = argument }, report, CancellationToken.None),
            "remove-snapshot" => engine.RemoveSnapshotsAsync(vm, new RemoveSnapshotRequest { Name = argument, UndoFor = TimeSpan.Zero }, report, CancellationToken.None),
            "merge-snapshot" => engine.MergeSnapshotAsync(vm, new MergeSnapshotRequest { Name = argument, Force = true }, report, CancellationToken.None),
            "backup" => engine.BackupAsync(vm, new BackupRequest { Repository = argument }, report, CancellationToken.None),
            "backup-pull" => engine.BackupAsync(vm, new BackupRequest { Repository = argument, Pull = true }, report, CancellationToken.None),
            "backup-pull-slowly" => engine.BackupAsync(vm, new BackupRequest { Repository = argument, Pull = true, Kind = VMBackupKind.Full, SpeedLimit = 1 << 20 }, report, CancellationToken.None),
            "backup-pull-copy" => engine.BackupAsync(vm, new BackupRequest { Repository = argument, Pull = true, Kind = VMBackupKind.Copy }, report, CancellationToken.None),
            "backup-remove" => engine.RemoveBackupsAsync(vm, new RemoveBackupRequest { Repository = argument, KeepLast = 1 }, report, CancellationToken.None),
            "backup-copy" => engine.BackupAsync(vm, new BackupRequest { Repository = argument, Kind = VMBackupKind.Copy }, report, CancellationToken.None),
            "import" => engine.ImportMomentsAsync(vm, new ImportMomentsRequest { Paths = [argument] }, report, CancellationToken.None),
            "adopt" => engine.ImportBitmapsAsync(vm, new ImportBitmapsRequest { Bitmaps = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal) { [argument] = [] } }, report, CancellationToken.None),
            "hand-over" => engine.HandOverMomentsAsync(vm, new ExportMomentsRequest { Path = argument, Force = true }, report, CancellationToken.None),
            "bitmap" => engine.CreateCheckpointAsync(vm, new CreateCheckpointRequest { Name = argument, NoMetadata = true }, report, CancellationToken.None),
            "rename" => engine.RenameDomainAsync(vm, argument, report, CancellationToken.None),
            "describe" => engine.SetMomentAsync(vm, new SetMomentRequest { Name = argument, Description = "said" }, report, CancellationToken.None),
            "update" => engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = File.ReadAllText(argument), Update = true }, report, CancellationToken.None),
            "remove-bitmap" => engine.RemoveBitmapAsync(vm, "vda", argument, report, CancellationToken.None),
            "unregister" => engine.UnregisterDomainAsync(vm, new UnregisterDomainRequest { RemoveMetadata = true }, report, CancellationToken.None),
            "restore" => engine.RestoreSnapshotAsync(vm, new RestoreSnapshotRequest { Name = argument }, report, CancellationToken.None),
            "restore-running" => engine.RestoreSnapshotAsync(vm, new RestoreSnapshotRequest { Name = argument, Running = true }, report, CancellationToken.None),
            "restore-branch" => engine.RestoreSnapshotAsync(vm, new RestoreSnapshotRequest { Name = argument, Branch = "try", Running = true }, report, CancellationToken.None),
            "undo" => engine.UndoSnapshotAsync(vm, new UndoSnapshotRequest(), report, CancellationToken.None),
            "use" => UseAsync(engine, vm, argument, report),
            "repair" => engine.RepairMomentsAsync(vm, new RepairMomentRequest(), report, CancellationToken.None),
            _ when operation.StartsWith(CrashedInstants.Prefix, StringComparison.Ordinal) => CrashedInstants.RunAsync(engine, vm, operation, argument, report),
            _ when operation.StartsWith(CrashedRestores.Prefix, StringComparison.Ordinal) => CrashedRestores.RunAsync(engine, vm, operation, argument, report),
            _ when operation.StartsWith(CrashedExports.Prefix, StringComparison.Ordinal) => CrashedExports.RunAsync(engine, vm, operation, argument, report),
            _ when operation.StartsWith(CrashedBranches.Prefix, StringComparison.Ordinal) => CrashedBranches.RunAsync(engine, vm, operation, argument, report),
            _ when operation.StartsWith(CrashedBlockSnapshots.Prefix, StringComparison.Ordinal) => CrashedBlockSnapshots.RunAsync(engine, vm, operation, argument, report),
            _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
        };
    }

    private static async Task UseAsync(MomentEngine engine, string vm, string snapshot, IOperationReport report)
    {
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = snapshot };
        await engine.BeginSnapshotUseAsync(vm, request, report, CancellationToken.None);
        await engine.EndSnapshotUseAsync(vm, request.Id, report, CancellationToken.None);
    }

    // Makes three checkpoints, removes the middle one, and lists all the time.
    private static async Task MixedAsync(MomentEngine engine, string vm, string name, IOperationReport report)
    {
        for (int number = 1; number <= 3; number++)
        {
            await engine.CreateCheckpointAsync(vm, new CreateCheckpointRequest { Name = $"{name}-{number}" }, report, CancellationToken.None);
            IReadOnlyList<VMMoment> seen = await engine.GetMomentsAsync(vm, new MomentQuery(), report, CancellationToken.None);
            if (!seen.Any(moment => moment.Name == $"{name}-{number}"))
                throw new InvalidOperationException($"The checkpoint {name}-{number} was made and is not listed.");
        }

        await engine.RemoveMomentsAsync(vm, new RemoveMomentRequest { Name = $"{name}-2" }, report, CancellationToken.None);
        await engine.GetMomentsAsync(vm, new MomentQuery(), report, CancellationToken.None);
    }

    internal sealed class SilentReport : IOperationReport
    {
        public void Warning(string text)
        {
        }

        public void Verbose(string text)
        {
        }

        public void Progress(OperationProgress progress)
        {
        }

        public void Failure(MomentException failure) => Console.Error.WriteLine($"{failure.ErrorId.Name}: {failure.Message}");
    }
}
