using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>The machine as a whole: its state, its end, and what its QEMU can do.</summary>
internal static class QmpMachineCommands
{
    /// <summary>Tells whether the machine runs, and if not, why (<c>query-status</c>).</summary>
    public static async Task<QmpStatus> QueryStatusAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        var reply = new QmpValue("query-status", await qmp.ExecuteAsync("query-status", null, cancellation));
        return new QmpStatus(reply["status"].Text, reply["running"].Flag);
    }

    /// <summary>Stops the processors (<c>stop</c>).</summary>
    public static Task StopAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("stop", null, cancellation);

    /// <summary>Lets the processors run (<c>cont</c>).</summary>
    public static Task ContAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("cont", null, cancellation);

    /// <summary>Wakes a guest that sleeps (<c>system_wakeup</c>); the event WAKEUP tells that it runs.</summary>
    public static Task SystemWakeupAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("system_wakeup", null, cancellation);

    /// <summary>Resets the machine like its button (<c>system_reset</c>).</summary>
    public static Task SystemResetAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("system_reset", null, cancellation);

    /// <summary>Asks the guest to shut down, as the power button does (<c>system_powerdown</c>).</summary>
    public static Task SystemPowerdownAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("system_powerdown", null, cancellation);

    /// <summary>Ends QEMU, which stores its bitmaps (<c>quit</c>), and waits until it has closed the link.</summary>
    public static async Task QuitAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        try
        {
            await qmp.ExecuteAsync("quit", null, cancellation);
        }
        catch (MomentException lost) when (lost.ErrorId == QmpErrors.QmpConnectionLost && lost.InnerException is IOException)
        {
            // It left before its reply did.
        }

        await qmp.Closed.WaitAsync(cancellation);
    }

    /// <summary>QEMU's version (<c>query-version</c>).</summary>
    public static async Task<QmpVersion> QueryVersionAsync(this QmpClient qmp, CancellationToken cancellation) =>
        QmpVersion.Read(new QmpValue("query-version", await qmp.ExecuteAsync("query-version", null, cancellation)));

    /// <summary>The names of all commands that this QEMU has (<c>query-commands</c>).</summary>
    public static async Task<IReadOnlySet<string>> QueryCommandsAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-commands", null, cancellation);
        return new QmpValue("query-commands", reply).List(command => command["name"].Text).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>
    /// Runs a line of the human monitor and gives the text it printed (<c>human-monitor-command</c>). The human monitor
    /// reports failure as text only: what is recognisably one is thrown as <c>QmpCommandFailed</c>, the rest is for the
    /// caller to judge.
    /// </summary>
    public static async Task<string> HumanMonitorCommandAsync(this QmpClient qmp, string commandLine, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("human-monitor-command", new JsonObject { ["command-line"] = commandLine }, cancellation);
        string text = new QmpValue("human-monitor-command", reply).Text;
        if (text.StartsWith("Error: ", StringComparison.Ordinal) || text.StartsWith("unknown command: ", StringComparison.Ordinal))
            throw Refused(qmp, commandLine, text);
        return text;
    }

    /// <summary>The same for a line that prints nothing when it works: any text is QEMU's refusal.</summary>
    public static async Task HumanMonitorCommandSilentAsync(this QmpClient qmp, string commandLine, CancellationToken cancellation)
    {
        string text = await qmp.HumanMonitorCommandAsync(commandLine, cancellation);
        if (text.Length > 0)
            throw Refused(qmp, commandLine, text);
    }

    private static MomentException Refused(QmpClient qmp, string commandLine, string text) =>
        QmpErrors.CommandFailed(qmp.Name, commandLine, null, text.Trim());
}
