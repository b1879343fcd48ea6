using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Compares a backup's files with their hashes while something reads them: what was read counts once both have ended well. Damage is the
/// error to tell, whatever it led to meanwhile.
/// </summary>
internal sealed class CheckedFiles(BackupSelection selection, IOperationReport report)
{
    public async Task<T> WhileAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task check = Task.Run(() => CheckAsync(stop.Token), CancellationToken.None);
        Task<T> reading = Task.Run(() => read(stop.Token), CancellationToken.None);
        try
        {
            await check;
        }
        catch
        {
            await stop.CancelAsync();
            await reading.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }

        return await reading;
    }

    private async Task CheckAsync(CancellationToken cancellation)
    {
        await foreach (MomentException damage in new BackupVerification(report).FindDamageAsync(
            $"Checking the backup {selection.Backup.Id}", selection.Chains.SelectMany(chain => chain.Links), cancellation))
            throw damage;
    }
}
