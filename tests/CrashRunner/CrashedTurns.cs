using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;

namespace MomentTools.CrashRunner;

/// <summary>Going to states inside the images, for the crash harness.</summary>
internal static class CrashedTurns
{
    public static bool Knows(string operation) => operation is "internal-restore" or "internal-branch" or "internal-drop" or "internal-switch";

    public static async Task RunAsync(EngineContext context, string vm, string operation, string name)
    {
        var report = new CrashedOperations.SilentReport();
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, operation, report, CancellationToken.None);
        var restore = new InternalRestore(context.Catalogue, scope, report);
        var snapshot = new MomentKey(MomentKind.Snapshot, name);
        _ = operation switch
        {
            "internal-switch" => await restore.SwitchAsync(name, new InternalRestoreOptions { KeepMemory = true }, CancellationToken.None),
            "internal-branch" => await restore.RunAsync(snapshot, new InternalRestoreOptions { Branch = "try", KeepMemory = true }, CancellationToken.None),
            "internal-drop" => await restore.RunAsync(snapshot, new InternalRestoreOptions { UndoFor = TimeSpan.Zero }, CancellationToken.None),
            _ => await restore.RunAsync(snapshot, new InternalRestoreOptions(), CancellationToken.None),
        };
    }
}
