using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

public sealed class BusyBitmapTests
{
    [SkippableFact]
    public async Task OneThatAnExportUsesIsLeftAloneUntilThatEnds()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "bitmap", "--add", "--disable", machine.DiskPath("vda"), "theirs");
        await machine.StartAsync();
        await QmpAsync(machine, "nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = Path.Combine(machine.Scratch, "n") } } }));
        await QmpAsync(machine, "block-export-add", """{"type":"nbd","id":"e","node-name":"mt-vda","name":"e","bitmaps":["theirs"]}""");

        MomentException busy = await Untouched.RefusedAsync(machine, () => RemoveAsync(machine), OperationErrors.BitmapBusy, "'theirs'", "'vda'", "an export");

        Assert.Contains("Wait", busy.Advice, StringComparison.Ordinal);
        await QmpAsync(machine, "nbd-server-stop", null);
        await RemoveAsync(machine);
        Assert.Empty(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
    }

    private static Task RemoveAsync(TestMachine machine) => machine.Engine.RemoveBitmapAsync(TestMachine.Name, "vda", "theirs", machine.Report, CancellationToken.None);

    private static Task<JsonElement> QmpAsync(TestMachine machine, string command, string? arguments) => machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments, CancellationToken.None);
}
