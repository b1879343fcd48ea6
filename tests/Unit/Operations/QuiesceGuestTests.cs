using System.Diagnostics;
using MomentTools.Tests.House;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Quiescing against QEMU's own agent in a Linux guest with an ext4 file system.</summary>
public sealed class QuiesceGuestTests
{
    [SkippableFact]
    public async Task ARealAgentFreezesARealFileSystem()
    {
        Tool.Require("bash", "busybox", "cpio", "dpkg-deb", "apt-get", "mke2fs", "qemu-img", "qemu-system-x86_64");
        using var scratch = new ScratchDirectory();
        (int exit, string said, string trouble) = Tool.TryRun("bash", Path.Combine(SourceTree.Root, "samples", "guest", "make.sh"), scratch["guest"], "agent");
        Skip.If(exit != 0, $"the guest cannot be made here: {said}{trouble}");
        await using (FileStream raw = File.Create(scratch["raw"]))
            raw.SetLength(64 << 20);
        Tool.Run("mke2fs", "-q", "-t", "ext4", scratch["raw"]);
        Tool.Run("qemu-img", "convert", "-O", "qcow2", scratch["raw"], scratch["disk.qcow2"]);
        var engine = new MomentEngine(new MomentEngineOptions { StateRoot = scratch["state"], RuntimeRoot = scratch["run"] });
        var report = new TestReport();
        await engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = Xml(scratch) }, report, CancellationToken.None);
        await engine.StartDomainAsync("guest", paused: false, report, CancellationToken.None);
        try
        {
            await WaitForAsync(scratch["serial"], "the guest wrote block 3\n");
            await engine.CreateCheckpointAsync("guest", new CreateCheckpointRequest { Name = "one", Quiesce = true }, report, CancellationToken.None);
            Assert.Contains(report.Notes, note => note.StartsWith("1 file system of 'guest' stood still for ", StringComparison.Ordinal));
            Assert.Empty(report.Warnings);

            // It goes on writing.
            int wrote = Count(scratch["serial"]);
            await WaitForAsync(scratch["serial"], $"the guest wrote block {wrote + 5}\n");
            Assert.NotEmpty(await engine.GetChangedBlocksAsync("guest", "one", [], report, CancellationToken.None));
        }
        finally
        {
            await engine.StopDomainAsync("guest", force: true, TimeSpan.FromSeconds(20), report, CancellationToken.None);
        }
    }

    private static int Count(string serial) => Read(serial).Split("the guest wrote").Length - 1;

    private static async Task WaitForAsync(string serial, string words)
    {
        for (long start = Stopwatch.GetTimestamp(); !Read(serial).Contains(words, StringComparison.Ordinal);)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(5), $"the guest did not say '{words}', but: {Read(serial)}");
            await Task.Delay(100);
        }
    }

    private static string Read(string serial) => File.Exists(serial) ? File.ReadAllText(serial).Replace("\r", "", StringComparison.Ordinal) : "";

    private static string Xml(ScratchDirectory scratch) => $"""
        <domain type='qemu'>
          <name>guest</name>
          <memory unit='MiB'>192</memory>
          <vcpu>1</vcpu>
          <os>
            <type arch='x86_64' machine='q35'>hvm</type>
            <kernel>{scratch["guest/vmlinuz"]}</kernel><initrd>{scratch["guest/initrd.gz"]}</initrd><cmdline>console=ttyS0 quiet panic=-1</cmdline>
          </os>
          <devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{scratch["disk.qcow2"]}'/><target dev='vda' bus='virtio'/></disk>
            <serial type='file'><source path='{scratch["serial"]}'/></serial>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
          </devices>
        </domain>
        """;
}
