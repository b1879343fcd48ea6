using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Bench;

/// <summary>A machine with its disks in the scratch directory, and an engine that keeps its state there.</summary>
internal sealed class Machine : IOperationReport, IAsyncDisposable
{
    public const string Name = "bench";

    private readonly string _runtimeRoot;
    private readonly string _stateRoot;

    /// <summary>Opens a machine that <see cref="RegisterAsync"/> made, perhaps in another process.</summary>
    public Machine(string scratch)
    {
        Disk = DiskPath(scratch, 0);
        (_stateRoot, _runtimeRoot) = (Path.Combine(scratch, "state"), Path.Combine(scratch, "run"));
        Engine = new MomentEngine(new MomentEngineOptions { StateRoot = _stateRoot, RuntimeRoot = _runtimeRoot });
    }

    public MomentEngine Engine { get; }

    /// <summary>The root of all state.</summary>
    public string StateRoot => _stateRoot;

    /// <summary>The domain's own directory below it.</summary>
    public string StateDirectory => new DomainCatalogue(_stateRoot, _runtimeRoot).Place(Name).StateDirectory;

    /// <summary>Where its sockets are.</summary>
    public string RuntimeDirectory => new DomainCatalogue(_stateRoot, _runtimeRoot).Place(Name).RuntimeDirectory;

    /// <summary>The first disk's image.</summary>
    public string Disk { get; }

    /// <summary>Where QEMU may be asked while the engine does nothing.</summary>
    public QmpAddress Monitor => new UnixQmpAddress(new DomainCatalogue(_stateRoot, _runtimeRoot).Place(Name).SecondMonitorPath);

    /// <summary>Where QEMU may be asked while somebody else is at the other; free while the engine does nothing.</summary>
    public QmpAddress MainMonitor => new UnixQmpAddress(new DomainCatalogue(_stateRoot, _runtimeRoot).Place(Name).MonitorPath);

    /// <summary>Makes the disks, writes <paramref name="data"/> bytes that do not compress into the first, and registers the machine.</summary>
    public static async Task<Machine> RegisterAsync(string scratch, long size, long data, int disks, CancellationToken cancellation)
    {
        var machine = new Machine(scratch);
        for (int disk = data > 0 ? 1 : 0; disk < disks; disk++)
            await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", DiskPath(scratch, disk), $"{size}"], cancellation);
        if (data > 0)
            await FillAsync(scratch, machine.Disk, size, data, cancellation);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = Document(scratch, disks) }, machine, cancellation);
        return machine;
    }

    /// <summary>The definition of a machine with these disks, as libvirt takes it too.</summary>
    public static string Document(string scratch, int disks) => $"""
        <domain type='qemu'>
          <name>{Name}</name>
          <uuid>{Guid.NewGuid()}</uuid>
          <memory unit='MiB'>64</memory>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices>
            <controller type='scsi' index='0' model='virtio-scsi'/>
        {string.Concat(Enumerable.Range(0, disks).Select(disk => $"""
                <disk type='file' device='disk'>
                  <driver name='qemu' type='qcow2'/><source file='{DiskPath(scratch, disk)}'/><target dev='{Target(disk)}' bus='scsi'/>
                </disk>

            """))}
          </devices>
        </domain>
        """;

    public static string DiskPath(string scratch, int disk) => Path.Combine(scratch, Target(disk) + ".qcow2");

    // sda to sdz, then sdaa.
    private static string Target(int disk) => "sd" + (disk < 26 ? "" : (char)('a' + disk / 26 - 1)) + (char)('a' + disk % 26);

    private static async Task FillAsync(string scratch, string image, long size, long data, CancellationToken cancellation)
    {
        string raw = Path.Combine(scratch, "raw");
        await using (FileStream file = File.Create(raw))
        {
            byte[] block = new byte[1 << 20];
            var random = new Random(1);
            for (long written = 0; written < data; written += block.Length)
            {
                random.NextBytes(block);
                await file.WriteAsync(block, cancellation);
            }

            file.SetLength(size);
        }

        await Tool.RunAsync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, image], cancellation);
        File.Delete(raw);
    }

    /// <summary>Writes into the first disk of the running machine as its guest would.</summary>
    public Task WriteAsync(long offset, long length, int pattern, CancellationToken cancellation) =>
        Engine.InvokeQmpAsync(Name, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["command-line"] = $"qemu-io -d /machine/peripheral/mt-{Target(0)} \"write -P {1 + pattern % 255} {offset} {length}\"",
        }), cancellation);

    public async ValueTask DisposeAsync()
    {
        if ((await Engine.GetDomainAsync(Name, this, CancellationToken.None)).State != VMState.Stopped)
            await Engine.StopDomainAsync(Name, force: true, TimeSpan.FromSeconds(10), this, CancellationToken.None);
    }

    public void Warning(string text)
    {
        // libvirt wants the controller named; the engine says that it builds its own.
        if (!text.Contains("ignored: controller", StringComparison.Ordinal))
            Console.Error.WriteLine(text);
    }

    public void Verbose(string text)
    {
        // Only the time counts here.
    }

    public void Progress(OperationProgress progress)
    {
        // Only the time counts here.
    }

    public void Failure(MomentException failure) => throw failure;
}
