using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>A guest that has crashed neither runs nor is it paused: it cannot be held still, and is not taken for one that is.</summary>
public sealed class PanickedGuestTests
{
    private const string Name = "guest";

    [SkippableFact]
    public async Task ItCannotBeQuiesced()
    {
        Tool.Require("qemu-system-x86_64", "qemu-img");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["d"], "16M");
        Tool.Run(
            "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-daemonize", "-pidfile", scratch["pid"], "-qmp", $"unix:{scratch["q"]},server=on,wait=off",
            "-device", "pvpanic", "-action", "panic=pause",
            "-blockdev", $$"""{ "driver": "qcow2", "node-name": "d0", "file": { "driver": "file", "filename": "{{scratch["d"]}}" } }""", "-device", "virtio-blk-pci,drive=d0,id=v0");
        try
        {
            var engine = new MomentEngine(new MomentEngineOptions { StateRoot = scratch["state"], RuntimeRoot = scratch["run"] });
            var report = new TestReport();
            await engine.RegisterDomainAsync(new RegisterDomainRequest { Name = Name, Monitor = "unix:" + scratch["q"] }, report, CancellationToken.None);
            // What the panic notifier of a guest's kernel does.
            await engine.InvokeQmpAsync(Name, "human-monitor-command", """{"command-line":"o /b 0x505 1"}""", CancellationToken.None);
            while ((await engine.InvokeQmpAsync(Name, "query-status", null, CancellationToken.None)).GetProperty("status").GetString() != "guest-panicked")
                await Task.Delay(5);

            var request = new CreateCheckpointRequest { Name = "quiet", Quiesce = true };
            MomentException failure = await Expect.FailsAsync(OperationErrors.QuiesceImpossible, () => engine.CreateCheckpointAsync(Name, request, report, CancellationToken.None));

            Assert.Contains("'guest-panicked'", failure.Message, StringComparison.Ordinal);
            Assert.Empty(await engine.GetMomentsAsync(Name, new MomentQuery(), report, CancellationToken.None));
            await engine.CreateCheckpointAsync(Name, request with { Quiesce = false }, report, CancellationToken.None);
        }
        finally
        {
            using var qemu = System.Diagnostics.Process.GetProcessById(int.Parse(File.ReadAllText(scratch["pid"]), System.Globalization.CultureInfo.InvariantCulture));
            qemu.Kill();
            await qemu.WaitForExitAsync();
        }
    }
}
