using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>Resets a machine whose processors stand still, and waits until that has happened: a guest that went on before it would write what it knew of another disk.</summary>
internal static class MachineReset
{
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(20);

    /// <summary>Whether who started a machine told its QEMU to end where others reset.</summary>
    public static bool EndsAtReset(HostProcess process) =>
        process.CommandLine.Any(word => word is "-no-reboot" or "--no-reboot" || word.Contains("reboot=shutdown", StringComparison.Ordinal));

    /// <summary>The same of a machine of ours.</summary>
    public static Task RunAsync(QmpClient qmp, DomainPlace place, CancellationToken cancellation) =>
        RunAsync(qmp, MachineProbe.ProcessOf(place) is { } process && EndsAtReset(process), cancellation);

    /// <param name="qmp">The machine.</param>
    /// <param name="endsAtReset">Whether its QEMU was told to end instead of a reset (<c>-no-reboot</c>); that holds again afterwards.</param>
    /// <param name="cancellation">Not forwarded to what changes the machine.</param>
    /// <param name="patience">How long the reset may take; null: twenty seconds.</param>
    public static async Task RunAsync(QmpClient qmp, bool endsAtReset, CancellationToken cancellation, TimeSpan? patience = null)
    {
        TimeSpan most = patience ?? Usual;
        if (endsAtReset)
            await qmp.ExecuteAsync("set-action", new JsonObject { ["reboot"] = "reset" }, CancellationToken.None);
        using QmpEvents resets = qmp.Subscribe("RESET");
        await qmp.SystemResetAsync(CancellationToken.None);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(most);
        try
        {
            await resets.NextAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new MomentException(MachineErrors.VMStuck, $"The machine at {qmp.Name} was told to reset and did not within {most.TotalSeconds:0.###} s.", qmp.Name, "Its storage may hang. See QEMU's log.");
        }
        finally
        {
            if (endsAtReset && !qmp.Closed.IsCompleted)
                await qmp.ExecuteAsync("set-action", new JsonObject { ["reboot"] = "shutdown" }, CancellationToken.None);
        }
    }
}
