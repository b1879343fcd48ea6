using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Writes the document of a machine that somebody else started, from what its QEMU says of itself.</summary>
internal sealed class AttachedMachine(QmpClient qmp)
{
    private const string MachineSuffix = "-machine";

    private readonly List<string> _warnings = [];
    private readonly Dictionary<string, int> _targets = new(StringComparer.Ordinal);

    /// <summary>What the document cannot say.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <param name="name">The name for the domain, or null for the one that QEMU was given.</param>
    public async Task<DomainDocument> ReadAsync(string? name, CancellationToken cancellation)
    {
        name ??= Text(await qmp.ExecuteAsync("query-name", null, cancellation), "name") ?? throw new MomentException(
            MachineErrors.VMNameMissing, $"The machine at {qmp.Name} has no name of its own.", qmp.Name, "Give it one with -Name.");
        Guid uuid = Guid.TryParse(Text(await qmp.ExecuteAsync("query-uuid", null, cancellation), "UUID"), out Guid said) && said != Guid.Empty ? said : Guid.NewGuid();
        bool kvm = (await qmp.ExecuteAsync("query-kvm", null, cancellation)).TryGetProperty("enabled", out JsonElement enabled) && enabled.ValueKind == JsonValueKind.True;
        long memory = (await qmp.ExecuteAsync("query-memory-size-summary", null, cancellation)).TryGetProperty("base-memory", out JsonElement bytes) && bytes.TryGetInt64(out long size) ? size : 0;
        string? machine = await TypeAsync("/machine", cancellation);
        if (machine?.EndsWith(MachineSuffix, StringComparison.Ordinal) == true)
            machine = machine[..^MachineSuffix.Length];
        List<DomainDisk> disks = [];
        foreach (QmpBlockDevice device in await qmp.QueryBlockAsync(cancellation))
            if (await DiskAsync(name, device, machine, cancellation) is { } disk)
                disks.Add(disk);
        return DomainDocument.Minimal(kvm ? "kvm" : "qemu", name, uuid, memory >> 10, machine, disks);
    }

    private async Task<DomainDisk?> DiskAsync(string vm, QmpBlockDevice device, string? machine, CancellationToken cancellation)
    {
        // Without a device no guest sees it; without a medium there is nothing to keep.
        if (device.QomPath is not { } qom || device.Inserted is not { } medium)
            return null;
        string alias = MachineDisks.IdOf(device) ?? (device.Device.Length > 0 ? device.Device : qom);
        string path = NodeFile.Of(medium.File);
        if (!path.StartsWith('/'))
        {
            if (path.Contains(':', StringComparison.Ordinal) || path.Length == 0)
            {
                _warnings.Add($"Disk '{alias}' of domain '{vm}' is left out: it is on neither a file nor a block device ({medium.Driver}).");
                return null;
            }

            throw DiskErrors.PathRelative(vm, alias, path);
        }

        string type = await TypeAsync(qom, cancellation) ?? "";
        (string bus, string prefix) = BusOf(type, machine);
        return new DomainDisk
        {
            Target = NextTarget(prefix),
            Bus = bus,
            Device = type.EndsWith("-cd", StringComparison.Ordinal) ? "cdrom" : bus == "fdc" ? "floppy" : "disk",
            SourceType = Libc.IsBlockDevice(path) ? "block" : "file",
            SourcePath = path,
            Format = await FormatAsync(medium, path, cancellation),
            ReadOnly = medium.ReadOnly,
            Alias = alias,
        };
    }

    // The top may be a filter, of a block snapshot or of a backup that runs at the moment.
    private async Task<string> FormatAsync(QmpInserted medium, string path, CancellationToken cancellation)
    {
        if (medium.Driver is "qcow2" or "raw")
            return medium.Driver;
        return await FilteredNode.FindAsync(qmp, medium.NodeName, cancellation) is { } node && NodeFile.Of(node.File) == path ? node.Driver : medium.Driver;
    }

    private async Task<string?> TypeAsync(string path, CancellationToken cancellation)
    {
        JsonElement type = await qmp.ExecuteAsync("qom-get", new JsonObject { ["path"] = path, ["property"] = "type" }, cancellation);
        return type.ValueKind == JsonValueKind.String ? type.GetString() : null;
    }

    private static (string Bus, string Prefix) BusOf(string type, string? machine) => type switch
    {
        _ when type.StartsWith("virtio-blk", StringComparison.Ordinal) => ("virtio", "vd"),
        _ when type.StartsWith("ide-", StringComparison.Ordinal) => (machine?.Contains("q35", StringComparison.Ordinal) == true ? "sata" : "ide", "sd"),
        _ when type.StartsWith("usb-", StringComparison.Ordinal) => ("usb", "sd"),
        _ when type.StartsWith("nvme", StringComparison.Ordinal) => ("nvme", "nvme"),
        _ when type.StartsWith("floppy", StringComparison.Ordinal) => ("fdc", "fd"),
        _ => ("scsi", "sd"),
    };

    private string NextTarget(string prefix)
    {
        int index = _targets.GetValueOrDefault(prefix);
        _targets[prefix] = index + 1;
        return TargetName(prefix, index);
    }

    /// <summary>The name of a bus's disk by its number: "vda", "nvme0n1".</summary>
    public static string TargetName(string prefix, int index)
    {
        if (prefix == "nvme")
            return string.Create(CultureInfo.InvariantCulture, $"nvme{index}n1");
        // a to z, then aa, ab, …, as the kernel counts.
        string letters = "";
        for (int left = index; left >= 0; left = left / 26 - 1)
            letters = (char)('a' + left % 26) + letters;
        return prefix + letters;
    }

    private static string? Text(JsonElement reply, string member) =>
        reply.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
}
