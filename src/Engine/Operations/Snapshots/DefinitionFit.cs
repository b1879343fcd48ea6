using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Whether a machine is still the one whose memory was saved: QEMU loads a memory only into a machine with the same processors, memory and
/// devices. Where its files lie, how it is seen from outside and what it is called is of no consequence. Pure.
/// </summary>
internal static class DefinitionFit
{
    // Of a device's element these are about the host alone, or about what the device is connected to.
    private static readonly string[] HostSide = ["source", "alias", "backingStore", "mirror", "listen", "log", "protocol", "script", "bandwidth", "boot", "serial", "seclabel", "target", "driver", "iotune", "backenddomain"];
    private static readonly string[] Devices = ["controller", "hostdev", "input", "memballoon", "rng", "sound", "video", "watchdog", "tpm", "panic", "serial", "parallel", "console", "channel", "smartcard", "vsock", "shmem"];
    private static readonly string[] Board = ["cpu", "features", "clock"];

    /// <exception cref="MomentException"><c>DefinitionChanged</c>, with all differences.</exception>
    public static void Require(string vm, DomainDocument? then, DomainDocument now)
    {
        if (then is not null && Differences(then, now) is { Count: > 0 } differences)
            throw RestoreErrors.Unfit(vm, differences);
    }

    /// <summary>The differences, a clause each: "the memory is 64 MiB, and was 32 MiB".</summary>
    public static IReadOnlyList<string> Differences(DomainDocument then, DomainDocument now)
    {
        List<string> found = [];
        Compare(found, "the type", then.Type, now.Type);
        Compare(found, "the machine type", Machine(then), Machine(now));
        Compare(found, "the memory", Bytes(then.MemoryBytes), Bytes(now.MemoryBytes));
        Compare(found, "the number of processors", Text(then.Root.Element("vcpu")), Text(now.Root.Element("vcpu")));
        foreach (string part in Board)
            if (!XNode.DeepEquals(Plain(then.Root.Element(part)), Plain(now.Root.Element(part))))
                found.Add($"<{part}> is another one");
        Compare(found, "the firmware", Firmware(then), Firmware(now));
        ByName(found, "disk", Disks(then), Disks(now));
        ByName(found, "interface", Interfaces(then), Interfaces(now));
        foreach (string device in Devices)
        {
            string[] before = Of(then, device), after = Of(now, device);
            if (before.Length != after.Length)
                found.Add($"it has {after.Length} of <{device}>, and had {before.Length}");
            else if (!before.SequenceEqual(after, StringComparer.Ordinal))
                found.Add($"<{device}> is another one");
        }

        if (!then.QemuArguments.SequenceEqual(now.QemuArguments, StringComparer.Ordinal))
            found.Add("the arguments of <qemu:commandline> are others");
        return found;
    }

    private static void Compare(List<string> found, string what, string then, string now)
    {
        if (then != now)
            found.Add($"{what} is {now}, and was {then}");
    }

    private static void ByName(List<string> found, string what, Dictionary<string, string> then, Dictionary<string, string> now)
    {
        found.AddRange(then.Where(one => !now.ContainsKey(one.Key)).Select(one => $"{what} '{one.Key}' is gone"));
        found.AddRange(now.Where(one => !then.ContainsKey(one.Key)).Select(one => $"{what} '{one.Key}' is new"));
        foreach ((string name, string before) in then)
            if (now.TryGetValue(name, out string? after))
                Compare(found, $"{what} '{name}'", before, after);
    }

    private static Dictionary<string, string> Disks(DomainDocument domain) =>
        domain.Disks.ToDictionary(disk => disk.Target, disk => $"{(disk.Device == "disk" ? "" : disk.Device + " ")}on {disk.Bus ?? "no bus"}{(disk.ReadOnly ? ", read-only" : "")}{(disk.Serial is null ? "" : $", serial {disk.Serial}")}", StringComparer.Ordinal);

    private static Dictionary<string, string> Interfaces(DomainDocument domain) =>
        Elements(domain, "interface").Select((element, index) => (Name: element.Element("mac")?.Attribute("address")?.Value ?? $"number {index + 1}", Model: element.Element("model")?.Attribute("type")?.Value ?? "of the default model"))
            .GroupBy(one => one.Name, StringComparer.OrdinalIgnoreCase).ToDictionary(group => group.Key, group => string.Join(" and ", group.Select(one => one.Model)), StringComparer.OrdinalIgnoreCase);

    // What the guest sees of each: its own attributes, and the elements that are not about the host.
    private static string[] Of(DomainDocument domain, string name) =>
    [
        .. Elements(domain, name).Select(element =>
        {
            var copy = new XElement(element);
            copy.Elements().Where(child => HostSide.Contains(child.Name.LocalName, StringComparer.Ordinal) && child.Name.LocalName != "target").Remove();
            // A pseudo terminal gets another number at each start.
            foreach (string attribute in (string[])["type", "tty"])
                if (name is "serial" or "parallel" or "console" or "channel")
                    copy.SetAttributeValue(attribute, null);
            copy.Element("target")?.SetAttributeValue("state", null);
            return Plain(copy)!.ToString(SaveOptions.DisableFormatting);
        }).Order(StringComparer.Ordinal),
    ];

    private static IEnumerable<XElement> Elements(DomainDocument domain, string name) => domain.Root.Element("devices")?.Elements(name) ?? [];

    private static string Machine(DomainDocument domain) =>
        domain.Root.Element("os")?.Element("type") is { } type ? $"{type.Attribute("machine")?.Value ?? "the default"} ({type.Attribute("arch")?.Value ?? "the default"})" : "the default";

    private static string Firmware(DomainDocument domain) =>
        domain.Root.Element("os") is { } os ? string.Join(", ", ((string?[])[os.Attribute("firmware")?.Value, Text(os.Element("loader")) is { Length: > 0 } loader ? loader : null]).OfType<string>().DefaultIfEmpty("the default")) : "the default";

    private static string Text(XElement? element) => element?.Value.Trim() ?? "";

    private static string Bytes(long bytes) => bytes % (1 << 20) == 0 ? $"{bytes >> 20} MiB" : $"{bytes >> 10} KiB";

    // Blanks and the order of attributes say nothing.
    private static XElement? Plain(XElement? element) => element is null ? null : new XElement(
        element.Name,
        element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration).OrderBy(attribute => attribute.Name.ToString(), StringComparer.Ordinal),
        element.HasElements ? element.Elements().Select(Plain) : element.Value.Trim());
}
