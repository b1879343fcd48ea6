using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>Whether an operation failed because its machine ended under it: its guest shut down, or somebody stopped or killed QEMU.</summary>
internal static class MachineEnd
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(20);

    /// <summary>Answers when the machine's process is gone, so that its images are free.</summary>
    public static async Task<bool> IsCauseAsync(BlockSession session, ChangeScope scope, Exception failure)
    {
        if (!session.IsMachine || failure is not MomentException { ErrorId: var id })
            return false;
        if (id != QmpErrors.QmpConnectionLost && id != QmpErrors.QmpJobFailed && id != QmpErrors.QmpJobStuck && id != QmpErrors.QmpJobVanished && id != QmpErrors.QmpMonitorUnreachable)
            return session.Qmp.Closed.IsCompleted && await HasEndedAsync(scope);
        if (id != QmpErrors.QmpJobFailed || failure.Message.Contains("cancel", StringComparison.OrdinalIgnoreCase))
            await AnswersOrEndsAsync(session.Qmp);
        return session.Qmp.Closed.IsCompleted && await HasEndedAsync(scope);
    }

    // A QEMU that ends cancels its jobs, closes its images, which takes as long as the storage wants, and then the monitor, and answers nobody
    // meanwhile; one that goes on answers.
    private static async Task AnswersOrEndsAsync(QmpClient qmp)
    {
        using var limit = new CancellationTokenSource(EndLimit);
        try
        {
            await qmp.QueryStatusAsync(limit.Token);
        }
        catch (MomentException lost) when (lost.ErrorId == QmpErrors.QmpConnectionLost)
        {
            await qmp.Closed;
        }
        catch (Exception failure) when (failure is MomentException or OperationCanceledException)
        {
            // It neither ends nor answers as it should: then its end is not what is known.
        }
    }

    private static async Task<bool> HasEndedAsync(ChangeScope scope)
    {
        if (MachineProbe.ProcessOf(scope.Place) is { } process && !await process.EndsWithinAsync(EndLimit, CancellationToken.None))
            return false;
        return (await MachineProbe.RunAsync(scope.Place, scope.Domain, CancellationToken.None)).State == VMState.Stopped;
    }
}
