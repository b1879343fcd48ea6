using System.Globalization;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>The processor's model with its features, and how processors are laid out.</summary>
internal static class CpuArguments
{
    private const int MostProcessors = 1 << 16;

    /// <summary>The value of <c>-cpu</c>, or null for QEMU's default.</summary>
    public static string? Build(QemuArguments arguments)
    {
        XElement? cpu = arguments.Domain.Root.Element("cpu");
        if (cpu is not null)
        {
            arguments.Sort(cpu, ["model", "vendor", "topology", "feature", "cache", "maxphysaddr"], []);
            arguments.SortAttributes(cpu, "mode", "match", "check", "migratable", "deprecated_features");
        }

        string? model = Model(arguments, cpu);
        List<string> flags = [.. Flags(arguments, cpu), .. HypervisorFlags(arguments)];
        if (model is null && flags.Count == 0)
            return null;
        return string.Join(',', flags.Prepend(model ?? (arguments.Architecture == "i686" ? "qemu32" : "qemu64")));
    }

    /// <summary>The value of <c>-smp</c>: one socket for each processor where nothing is said, as libvirt does.</summary>
    public static string Topology(QemuArguments arguments)
    {
        int most = arguments.Domain.VirtualCpus;
        long now = arguments.Number(arguments.Domain.Root.Element("vcpu"), "current", 1, most) ?? most;
        string count = now == most ? $"{most}" : $"{now},maxcpus={most}";
        if (arguments.Domain.Root.Element("cpu")?.Element("topology") is not { } topology)
            return $"{count},sockets={most},cores=1,threads=1";
        arguments.SortAttributes(topology, "sockets", "dies", "clusters", "cores", "threads");
        return string.Join(',', topology.Attributes().Select(attribute => $"{attribute.Name.LocalName}={arguments.Check.Number(attribute, attribute.Value, 1, MostProcessors)}").Prepend(count));
    }

    private static string? Model(QemuArguments arguments, XElement? cpu)
    {
        if (cpu is null)
            return null;
        switch (arguments.Check.Choice(cpu, "mode", "custom", "host-model", "host-passthrough", "maximum") ?? "custom")
        {
            case "host-passthrough":
            case "host-model":
                // Emulation has no host's processor; its fullest is the nearest.
                return arguments.IsKvm ? "host" : "max";
            case "maximum":
                return "max";
        }

        if (cpu.Element("model") is not { } model)
            return cpu.Elements("feature").Any() ? throw arguments.Check.Broken(cpu, "features need a <model>") : null;
        arguments.SortAttributes(model, "fallback");
        return QemuArguments.Escape(arguments.Check.Text(model).Trim());
    }

    private static IEnumerable<string> Flags(QemuArguments arguments, XElement? cpu)
    {
        if (cpu is null)
            yield break;
        if (arguments.IsKvm && cpu.Attribute("mode")?.Value == "host-passthrough" && arguments.Switch(cpu, "migratable") is { } migratable)
            yield return $"migratable={OnOff(migratable)}";
        foreach (XElement feature in cpu.Elements("feature"))
        {
            string? policy = arguments.Check.Choice(feature, "policy", "force", "require", "optional", "disable", "forbid");
            yield return $"{QemuArguments.Escape(arguments.Check.Required(feature, "name"))}={OnOff(policy is not ("disable" or "forbid"))}";
        }

        if (cpu.Element("cache") is { } cache)
            yield return (cache.Attribute("mode")?.Value, cache.Attribute("level")?.Value) switch
            {
                ("emulate", "3") => "l3-cache=on",
                ("passthrough", null) => "host-cache-info=on,l3-cache=off",
                ("disable", null) => "host-cache-info=off,l3-cache=off",
                _ => throw arguments.Unsupported(cache, "this processor cache"),
            };
        if (cpu.Element("maxphysaddr") is { } physical)
            yield return arguments.Check.Choice(physical, "mode", "passthrough", "emulate") == "passthrough"
                ? "host-phys-bits=on"
                : $"phys-bits={arguments.Number(physical, "bits", 1, 64)}";
    }

    private static IEnumerable<string> HypervisorFlags(QemuArguments arguments)
    {
        XElement? features = arguments.Domain.Root.Element("features");
        foreach (XElement timer in arguments.Domain.Root.Element("clock")?.Elements("timer") ?? [])
        {
            bool? present = arguments.Switch(timer, "present");
            if (timer.Attribute("name")?.Value == "hypervclock" && present == true)
                yield return "hv-time=on";
            if (timer.Attribute("name")?.Value == "kvmclock" && present == false)
                yield return "kvmclock=off";
        }

        if (arguments.Switch(features?.Element("pmu"), "state") is { } pmu)
            yield return $"pmu={OnOff(pmu)}";
        if (arguments.Switch(features?.Element("pvspinlock"), "state") is { } spin)
            yield return $"kvm-pv-unhalt={OnOff(spin)}";
        if (features?.Element("kvm") is { } kvm)
        {
            arguments.Sort(kvm, ["hidden"], ["hint-dedicated", "poll-control"]);
            if (arguments.Switch(kvm.Element("hidden"), "state") == true)
                yield return "kvm=off";
        }

        if (features?.Element("hyperv") is not { } hyperv)
            yield break;
        if (arguments.Check.Choice(hyperv, "mode", "custom", "passthrough") == "passthrough")
            yield return "hv-passthrough=on";
        foreach (XElement enlightenment in hyperv.Elements().Where(element => arguments.Switch(element, "state") == true))
            foreach (string flag in Enlightenment(arguments, enlightenment))
                yield return flag;
    }

    private static IEnumerable<string> Enlightenment(QemuArguments arguments, XElement element)
    {
        switch (element.Name.ToString())
        {
            case "relaxed" or "vapic" or "vpindex" or "runtime" or "synic" or "reset" or "frequencies" or "reenlightenment" or "tlbflush" or "ipi" or "evmcs" or "avic":
                yield return $"hv-{element.Name.LocalName}=on";
                break;
            case "stimer":
                yield return "hv-stimer=on";
                if (arguments.Switch(element.Element("direct"), "state") == true)
                    yield return "hv-stimer-direct=on";
                break;
            case "spinlocks":
                yield return "hv-spinlocks=0x" + (arguments.Number(element, "retries", 4095, uint.MaxValue) ?? throw arguments.Check.Broken(element, "the attribute 'retries' is missing")).ToString("x", CultureInfo.InvariantCulture);
                break;
            case "vendor_id":
                yield return "hv-vendor-id=" + QemuArguments.Escape(arguments.Check.Required(element, "value"));
                break;
            default:
                throw arguments.Unsupported(element, $"the Hyper-V feature {XmlErrors.Tag(element)}");
        }
    }

    private static string OnOff(bool value) => value ? "on" : "off";
}
