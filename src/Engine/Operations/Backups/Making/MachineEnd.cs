using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>Whether an operation failed because its machine ended under it: its guest shut down, or somebody stopped or killed QEMU.</summary>
internal static class MachineEnd
{
    // QEMU cancels its jobs before it closes the monitor, and its images after that.
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(2), EndLimit = TimeSpan.FromSeconds(20);

    /// <summary>Answers when the machine's process is gone, so that its images are free.</summary>
    public static async Task<bool> IsCauseAsync(BlockSession session, ChangeScope scope, Exception failure)
    {
        if (!session.IsMachine || failure is not MomentException { ErrorId: var id })
            return false;
        if (id != QmpErrors.QmpConnectionLost && id != QmpErrors.QmpJobFailed && id != QmpErrors.QmpJobStuck && id != QmpErrors.QmpJobVanished && id != QmpErrors.QmpMonitorUnreachable)
            return session.Qmp.Closed.IsCompleted && await HasEndedAsync(scope);
        await Task.WhenAny(session.Qmp.Closed, Task.Delay(id == QmpErrors.QmpJobFailed && !failure.Message.Contains("cancel", StringComparison.OrdinalIgnoreCase) ? TimeSpan.Zero : CloseLimit));
        return session.Qmp.Closed.IsCompleted && await HasEndedAsync(scope);
    }

    private static async Task<bool> HasEndedAsync(ChangeScope scope)
    {
        if (MachineProbe.ProcessOf(scope.Place) is { } process && !await process.EndsWithinAsync(EndLimit, CancellationToken.None))
            return false;
        return (await MachineProbe.RunAsync(scope.Place, scope.Domain, CancellationToken.None)).State == VMState.Stopped;
    }
}
