using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Machine, accelerator, memory, processors, clock and power: everything but firmware and devices.</summary>
internal static class BoardArguments
{
    public static void Add(QemuArguments arguments)
    {
        DomainDocument domain = arguments.Domain;
        arguments.Add("-name", $"guest={QemuArguments.Escape(domain.Name)}");
        if (domain.Uuid is { } uuid)
            arguments.Add("-uuid", uuid.ToString("D"));
        arguments.Add("-no-user-config", "-nodefaults");
        if (Machine(arguments) is { Length: > 0 } machine)
            arguments.Add("-machine", machine);
        arguments.Add("-accel", domain.Type switch
        {
            "kvm" => "kvm",
            "qemu" => "tcg",
            _ => throw arguments.Unsupported(domain.Root, $"the domain type {XmlErrors.Quote(domain.Type)}"),
        });
        if (CpuArguments.Build(arguments) is { } cpu)
            arguments.Add("-cpu", cpu);
        if (domain.MemoryBytes == 0)
            throw arguments.Check.Broken(domain.Root, "the element <memory> is missing or zero, and a machine needs memory");
        arguments.Add("-m", $"size={((domain.MemoryBytes - 1) / 1024) + 1}k");
        arguments.Add("-smp", CpuArguments.Topology(arguments));
        AddClock(arguments);
        AddPower(arguments);
        if (domain.Root.Element("genid") is { } genid)
            arguments.Add("-device", new JsonObject { ["driver"] = "vmgenid", ["guid"] = arguments.Check.Text(genid) is { Length: > 0 } guid ? guid : "auto", ["id"] = "mt-vmgenid0" });
    }

    private static string Machine(QemuArguments arguments)
    {
        List<string> parts = [];
        if (arguments.MachineType.Length > 0)
            parts.Add("type=" + QemuArguments.Escape(arguments.MachineType));
        if (arguments.Domain.Root.Element("features") is { } features)
        {
            arguments.Sort(features, ["acpi", "apic", "pae", "hyperv", "kvm", "vmport", "smm", "gic", "pmu", "pvspinlock", "ioapic"], ["hap"]);
            // As libvirt: ACPI is there only when it is asked for. Without <features> nothing was said at all.
            if (arguments.IsX86 && features.Element("acpi") is null)
                parts.Add("acpi=off");
            foreach (string name in (string[])["vmport", "smm"])
                if (arguments.Switch(features.Element(name), "state") is { } state)
                    parts.Add($"{name}={(state ? "on" : "off")}");
            if (features.Element("gic")?.Attribute("version") is { } gic)
                parts.Add("gic-version=" + QemuArguments.Escape(gic.Value));
            if (features.Element("ioapic") is { } ioapic)
                parts.Add(arguments.Check.Choice(ioapic, "driver", "kvm", "qemu") == "qemu" ? "kernel-irqchip=split" : "kernel-irqchip=on");
        }

        if (Timer(arguments, "hpet") is { } hpet && arguments.Switch(hpet, "present") == false)
            parts.Add("hpet=off");
        parts.AddRange(FirmwareArguments.Flash(arguments).Select(flash => $"{flash.Name}=mt-{flash.Name}"));
        return string.Join(',', parts);
    }

    private static XElement? Timer(QemuArguments arguments, string name) =>
        arguments.Domain.Root.Element("clock")?.Elements("timer").FirstOrDefault(timer => timer.Attribute("name")?.Value == name);

    private static void AddClock(QemuArguments arguments)
    {
        XElement? clock = arguments.Domain.Root.Element("clock");
        string @base = "utc";
        if (clock is not null)
        {
            arguments.Sort(clock, ["timer"], []);
            @base = clock.Attribute("offset")?.Value ?? "utc";
            if (@base is not ("utc" or "localtime"))
                throw arguments.Unsupported(clock, $"the clock offset {XmlErrors.Quote(@base)}");
        }

        string drift = "";
        List<string> globals = [];
        foreach (XElement timer in clock?.Elements("timer") ?? [])
        {
            string? policy = timer.Attribute("tickpolicy")?.Value;
            switch (timer.Attribute("name")?.Value, policy)
            {
                case ("rtc", "catchup"):
                    drift = ",driftfix=slew";
                    break;
                case ("pit", "delay" or "discard") when arguments.IsKvm:
                    globals.Add($"kvm-pit.lost_tick_policy={policy}");
                    break;
                case ("rtc" or "pit", null or "delay") or ("hpet" or "hypervclock" or "kvmclock", null):
                    break;
                default:
                    throw arguments.Unsupported(timer, $"the timer {XmlErrors.Quote(timer.Attribute("name")?.Value ?? "")} with these settings");
            }
        }

        arguments.Add("-rtc", $"base={@base}{drift}");
        foreach (string global in globals)
            arguments.Add("-global", global);
    }

    private static void AddPower(QemuArguments arguments)
    {
        XElement root = arguments.Domain.Root;
        // What QEMU does by itself needs no word; a crash without a panic device is not seen by anybody.
        if (root.Element("on_reboot") is { } reboot && reboot.Value != "restart")
        {
            if (reboot.Value == "destroy")
                arguments.Add("-no-reboot");
            else
                arguments.Ignore(reboot);
        }

        foreach (XElement element in root.Elements("on_poweroff").Concat(root.Elements("on_crash")).Where(element => element.Value != "destroy"))
            arguments.Ignore(element);
        if (root.Element("pm") is not { } pm)
            return;
        arguments.Sort(pm, ["suspend-to-mem", "suspend-to-disk"], []);
        string driver = arguments.IsQ35 ? "ICH9-LPC" : "PIIX4_PM";
        foreach ((string name, string property) in ((string, string)[])[("suspend-to-mem", "disable_s3"), ("suspend-to-disk", "disable_s4")])
            if (arguments.IsX86 && arguments.Switch(pm.Element(name), "enabled") is { } enabled)
                arguments.Add("-global", $"{driver}.{property}={(enabled ? 0 : 1)}");
    }
}
