using MomentTools.Machines;
using MomentTools.Tests.Qmp;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

/// <summary>A registered domain with its images in a directory of its own; what still runs of it at the end is killed.</summary>
internal sealed class MachineSample : IAsyncDisposable
{
    public MachineSample(params string[] disks)
    {
        Tool.Require("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img");
        foreach (string disk in disks)
            CreateImage(disk);
        Catalogue = new DomainCatalogue(Scratch["s"], Scratch["r"]);
        Domain = DomainDocument.Parse(Xml(disks), "the test");
        Place = Catalogue.Add(Domain);
    }

    public ScratchDirectory Scratch { get; } = new();

    public DomainCatalogue Catalogue { get; }

    public DomainDocument Domain { get; set; }

    public DomainPlace Place { get; }

    public string Image(string disk) => Scratch[disk + ".qcow2"];

    public string Xml(params string[] disks) =>
        $"<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>web</name><uuid>93a5c045-6457-2c09-e56c-927cdf34e178</uuid><memory unit='MiB'>64</memory><os><type machine='q35'>hvm</type></os><devices>{string.Concat(disks.Select(disk => $"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{Image(disk)}'/><target dev='{disk}' bus='virtio'/></disk>"))}</devices></domain>";

    public void CreateImage(string disk) => Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", Image(disk), "16M");

    public Task<BlockSession> OpenAsync(BlockAccess access, params string[] disks) => BlockSession.OpenAsync(Place, Domain, disks, access, CancellationToken.None);

    /// <summary>What is in the runtime directory.</summary>
    public string[] Left() => Directory.Exists(Place.RuntimeDirectory) ? [.. Directory.EnumerateFileSystemEntries(Place.RuntimeDirectory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)] : [];

    /// <summary>The processes that name this sample's directory on their command line.</summary>
    public IEnumerable<HostProcess> Processes() => HostProcess.All().Where(process => process.Id != Environment.ProcessId && process.CommandLine.Any(argument => argument.Contains(Scratch.Path + "/", StringComparison.Ordinal)));

    /// <summary>Writes as the guest would.</summary>
    public static Task WriteAsync(BlockSession session, string disk, long offset, int length) => session.Qmp.HumanMonitorAsync(
        $"qemu-io -d {session.Disks[disk].QomPath} \"write -q -P 7 {offset} {length}\"");

    public async ValueTask DisposeAsync()
    {
        foreach (HostProcess process in Processes())
        {
            process.Signal(HostProcess.Kill);
            await process.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        }

        Scratch.Dispose();
    }
}
