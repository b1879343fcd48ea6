using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

/// <summary>A guest that writes: the human monitor's <c>qemu-io</c>, which prints nothing when it works.</summary>
internal static class HumanMonitor
{
    public static async Task HumanMonitorAsync(this QmpClient qmp, string commandLine)
    {
        JsonElement reply = await qmp.ExecuteAsync("human-monitor-command", new JsonObject { ["command-line"] = commandLine }, CancellationToken.None);
        Assert.Equal("", reply.GetString());
    }
}
