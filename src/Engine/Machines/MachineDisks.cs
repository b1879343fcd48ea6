using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Finds a domain's disks in a running QEMU, and refuses those that are not what is recorded.</summary>
internal sealed class MachineDisks(QmpClient qmp, DomainDocument domain)
{
    private const string DeviceIds = "/machine/peripheral/";

    /// <summary>The disks by name.</summary>
    public async Task<IReadOnlyDictionary<string, SessionDisk>> ResolveAsync(IEnumerable<DomainDisk> disks, CancellationToken cancellation)
    {
        IReadOnlyList<QmpBlockDevice> devices = await qmp.QueryBlockAsync(cancellation);
        Dictionary<string, SessionDisk> found = new(StringComparer.Ordinal);
        Differences = domain.Monitor is null ? [] : [.. Unknown(devices)];
        foreach (DomainDisk disk in disks)
        {
            QmpBlockDevice device = Match(disk, devices);
            QmpInserted medium = device.Inserted ?? throw DiskErrors.WithoutFile(domain.Name, disk);
            SessionDisk session = medium.Driver == disk.Format && FilePath.IsSame(disk.SourcePath, NodeFile.Of(medium.File))
                ? new SessionDisk(disk.Target, medium.NodeName, disk.SourcePath!, disk.Format, medium.VirtualSize, device.QomPath, medium.DirtyBitmaps)
                : await UnderFiltersAsync(disk, medium, device.QomPath, cancellation);
            found[disk.Target] = session with { Beneath = Beneath(disk.SourcePath!, medium) };
        }

        return found;
    }

    /// <summary>
    /// What an attached machine has that its definition does not know, a sentence each; who owns the machine may plug disks in and out. A
    /// disk that is gone, or on another file, is an error where it is wanted.
    /// </summary>
    public IReadOnlyList<string> Differences { get; private set; } = [];

    /// <summary>The id of a device as <c>-device id=</c> gave it, or null: "/machine/peripheral/vd0/virtio-backend" is vd0.</summary>
    public static string? IdOf(QmpBlockDevice device) => device.Qdev switch
    {
        null => null,
        ['/', ..] path => path.StartsWith(DeviceIds, StringComparison.Ordinal) ? path[DeviceIds.Length..].Split('/')[0] : null,
        string id => id,
    };

    // A filter shows the file of what it stands on.
    private static List<string> Beneath(string top, QmpInserted medium)
    {
        List<string> files = [];
        foreach (string file in medium.Beneath.Select(NodeFile.Of))
            if (!FilePath.IsSame(files.Count == 0 ? top : files[^1], file))
                files.Add(file);
        return files;
    }

    // A block snapshot or a throttle sits on top of the image: the image is what the bitmaps are on.
    private async Task<SessionDisk> UnderFiltersAsync(DomainDisk disk, QmpInserted medium, string? qomPath, CancellationToken cancellation)
    {
        MomentException changed = DiskErrors.Changed(domain.Name, disk, NodeFile.Of(medium.File), medium.Driver);
        if (!FilteredNode.IsFilter(medium.Driver))
            throw changed;
        // By the graph: the same file may be open in other nodes, too.
        return await FilteredNode.FindAsync(qmp, medium.NodeName, cancellation) is { } node && node.Driver == disk.Format && FilePath.IsSame(disk.SourcePath, NodeFile.Of(node.File))
            ? new SessionDisk(disk.Target, node.NodeName, disk.SourcePath!, node.Driver, node.VirtualSize, qomPath, node.DirtyBitmaps)
            : throw changed;
    }

    private QmpBlockDevice Match(DomainDisk disk, IReadOnlyList<QmpBlockDevice> devices)
    {
        QmpBlockDevice? ById(string id) => devices.FirstOrDefault(device => IdOf(device) == id || device.Device == id || device.Qdev == id);
        // A machine of ours has our ids; a document of libvirt's has its own; one without any leaves the file.
        QmpBlockDevice? match = (domain.Monitor is null ? ById("mt-" + disk.Target) : null) ?? (disk.Alias is { } alias ? ById(alias) : null);
        QmpBlockDevice[] byFile = match is null
            ? [.. devices.Where(device => device.Inserted is { } medium && FilePath.IsSame(disk.SourcePath, NodeFile.Of(medium.File)))]
            : [];
        return match ?? (byFile is [var only] ? only : throw DiskErrors.NotInMachine(domain.Name, disk));
    }

    private IEnumerable<string> Unknown(IReadOnlyList<QmpBlockDevice> devices) =>
        from device in devices
        where device is { QomPath: not null, Inserted: not null }
        let file = NodeFile.Of(device.Inserted!.File)
        where file.StartsWith('/') && !domain.Disks.Any(disk => FilePath.IsSame(disk.SourcePath, file) || disk.Alias is { } alias && (IdOf(device) == alias || device.Device == alias || device.Qdev == alias))
        select $"The running machine '{domain.Name}' has a disk that is not registered: '{file}' ({IdOf(device) ?? device.Device}). It is not covered; Register-VMDomain -Name '{domain.Name}' -Monitor ... -Update makes it known.";
}
