using System.Globalization;
using MomentTools.Fuzz.Targets;

namespace MomentTools.Fuzz;

/// <summary>What is fuzzed, for how long, and from which seed on.</summary>
internal static class FuzzPlan
{
    private static readonly Dictionary<string, (string[] Tools, Func<IFuzzTarget> Make)> Targets = new(StringComparer.Ordinal)
    {
        ["xml"] = ([], () => new DocumentTarget()),
        ["heads"] = ([], () => new HeadTarget()),
        ["qcow2"] = (["qemu-img", "qemu-io"], () => new Qcow2Target()),
        ["qmp"] = ([], () => new QmpTarget()),
        ["nbd"] = ([], () => new NbdTarget()),
        ["launch"] = ([], () => new LaunchTarget()),
        ["names"] = ([], () => new NameTarget()),
        ["sidecar"] = ([], () => new SidecarTarget()),
        ["agent"] = ([], () => new AgentTarget()),
        ["notes"] = ([], () => new NoteTarget()),
        ["manifest"] = ([], () => new ManifestTarget()),
        ["journal"] = (RealMachine.Tools, () => new JournalTarget()),
        ["state"] = (RealMachine.Tools, () => new StateTarget()),
        ["import"] = (RealMachine.Tools, () => new ImportTarget()),
    };

    public static IReadOnlyCollection<string> Names => Targets.Keys;

    /// <summary>How long, where it was said.</summary>
    public static double? Minutes => double.TryParse(Environment.GetEnvironmentVariable("MOMENTTOOLS_FUZZ_MINUTES"), CultureInfo.InvariantCulture, out double minutes) ? minutes : null;

    /// <summary>The first input's seed, where it was said.</summary>
    public static int? Seed => int.TryParse(Environment.GetEnvironmentVariable("MOMENTTOOLS_FUZZ_SEED"), CultureInfo.InvariantCulture, out int seed) ? seed : null;

    /// <summary>Why a target cannot be made here, or null.</summary>
    public static string? WhyNot(string name) => Array.Find(Targets[name].Tools, tool => !FuzzTool.Has(tool)) is { } missing ? $"{missing} is not on PATH: install it to run this" : null;

    public static IFuzzTarget Make(string name) => Targets[name].Make();
}
