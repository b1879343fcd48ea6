using System.Diagnostics;
using MomentTools.Errors;

namespace MomentTools.Tour;

/// <summary>A scratch directory with two disks and a machine in it, and an engine that keeps its state there; all gone at the end.</summary>
internal sealed class Stage : IAsyncDisposable
{
    public const string Machine = "tour";

    private Stage(string directory)
    {
        Directory = directory;
        Engine = new MomentEngine(new MomentEngineOptions { StateRoot = this["state"], RuntimeRoot = this["run"] });
    }

    public MomentEngine Engine { get; }

    public Talk Talk { get; } = new();

    public string Directory { get; }

    public bool Guest { get; private init; }

    public IReadOnlyList<string> Disks { get; } = ["vda", "vdb"];

    /// <summary>A path in the scratch directory.</summary>
    public string this[string name] => Path.Combine(Directory, name);

    public static async Task<Stage> BuildAsync(bool guest, CancellationToken cancellation)
    {
        var stage = new Stage(System.IO.Directory.CreateTempSubdirectory("mt-tour-").FullName) { Guest = guest };
        try
        {
            foreach (string disk in stage.Disks)
                await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", stage.DiskPath(disk), "64M"], cancellation);
            if (guest)
                await Tool.RunAsync("bash", [FindGuestScript(), stage["guest"]], cancellation);
            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    public string DiskPath(string disk) => this[$"{disk}.qcow2"];

    /// <summary>The machine's definition, in libvirt's words.</summary>
    public string Xml() => $"""
        <domain type='qemu'>
          <name>{Machine}</name>
          <uuid>{Guid.NewGuid()}</uuid>
          <memory unit='MiB'>{(Guest ? 128 : 64)}</memory>
          <vcpu>1</vcpu>
          <os>
            <type arch='x86_64' machine='q35'>hvm</type>
            {(Guest ? $"<kernel>{this["guest/vmlinuz"]}</kernel><initrd>{this["guest/initrd.gz"]}</initrd><cmdline>console=ttyS0 quiet panic=-1</cmdline>" : "")}
          </os>
          <devices>
            {string.Concat(Disks.Select(DiskXml))}
            {(Guest ? $"<serial type='file'><source path='{SerialPath}'/><target port='0'/></serial>" : "")}
          </devices>
        </domain>
        """;

    /// <summary>What the guest printed so far.</summary>
    public string SerialPath => this["serial.log"];

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Engine.FindDomains("*").Contains(Machine))
                await StopMachineAsync();
        }
        finally
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }

    private async Task StopMachineAsync()
    {
        VMDomain machine = await Engine.GetDomainAsync(Machine, Talk, CancellationToken.None);
        if (machine.State == VMState.Stopped)
            return;
        try
        {
            await Engine.StopDomainAsync(Machine, force: true, TimeSpan.FromSeconds(10), Talk, CancellationToken.None);
        }
        catch (MomentException) when (machine.ProcessId is { } id)
        {
            // It does not answer; it is ours, and must not outlive its files.
            using Process process = Process.GetProcessById(id);
            process.Kill();
        }
    }

    private string DiskXml(string disk) => $"""
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2'/>
          <source file='{DiskPath(disk)}'/>
          <target dev='{disk}' bus='virtio'/>
        </disk>
        """;

    // The program runs from out/tour or from bin; the sources lie above both.
    private static string FindGuestScript()
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
        {
            string script = Path.Combine(at, "samples", "guest", "make.sh");
            if (File.Exists(script))
                return script;
        }

        throw new InvalidOperationException("samples/guest/make.sh is not above the program: run the tour from its repository.");
    }
}
