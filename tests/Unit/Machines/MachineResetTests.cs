using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

/// <summary>The reset of a machine that stands still, against a monitor that says what a test wants.</summary>
public sealed class MachineResetTests
{
    [Fact]
    public async Task AMachineThatDoesNotResetIsStuck()
    {
        using var monitor = new FakeMonitor();
        await using QmpClient qmp = await monitor.ConnectAsync();
        Task reset = MachineReset.RunAsync(qmp, endsAtReset: false, CancellationToken.None, TimeSpan.FromMilliseconds(50));
        await AnswerAsync(monitor, "system_reset");
        MomentException stuck = await Expect.FailsAsync(MachineErrors.VMStuck, () => reset);
        Assert.Contains("0.05 s", stuck.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OneThatWasToEndAtAResetEndsAtTheNextOneAgain()
    {
        using var monitor = new FakeMonitor();
        await using QmpClient qmp = await monitor.ConnectAsync();
        Task reset = MachineReset.RunAsync(qmp, endsAtReset: true, CancellationToken.None);
        Assert.Equal("reset", await ActionAsync(monitor));
        await AnswerAsync(monitor, "system_reset");
        await monitor.TellAsync("RESET", """{"guest": false, "reason": "host-qmp-system-reset"}""");
        Assert.Equal("shutdown", await ActionAsync(monitor));
        await reset;
    }

    private static async Task<string?> ActionAsync(FakeMonitor monitor) =>
        (await AnswerAsync(monitor, "set-action")).GetProperty("arguments").GetProperty("reboot").GetString();

    private static async Task<JsonElement> AnswerAsync(FakeMonitor monitor, string name)
    {
        JsonElement command = await monitor.ReadAsync();
        Assert.Equal(name, command.GetProperty("execute").GetString());
        await monitor.ReturnAsync(command, "{}");
        return command;
    }
}
