using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>How to start a machine's QEMU.</summary>
/// <param name="Emulator">The program: a path, or a name to be found on PATH.</param>
/// <param name="Warnings">At most one, which names every element that was ignored.</param>
internal sealed record QemuCommandLine(
    string Emulator,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment,
    IReadOnlyList<string> Warnings)
{
    // Of no consequence for what the guest is: the host's resources and labels, places on buses, comfort.
    private static readonly string[] IgnoredInDomain =
    [
        "iothreads", "iothreadids", "defaultiothread", "cputune", "memtune", "blkiotune", "numatune", "memoryBacking", "resource", "vcpus",
        "seclabel", "perf", "on_lockfailure", "throttlegroups",
    ];

    private static readonly string[] IgnoredDevices =
    [
        "controller", "memballoon", "input", "rng", "watchdog", "panic", "sound", "audio", "hub", "redirdev", "redirfilter", "smartcard",
    ];

    private static readonly string[] BuiltInDomain =
    [
        "name", "uuid", "genid", "title", "description", "metadata", "memory", "currentMemory", "vcpu", "os", "features", "cpu", "clock", "pm",
        "on_poweroff", "on_reboot", "on_crash", "devices", "{http://libvirt.org/schemas/domain/qemu/1.0}commandline",
    ];

    private static readonly string[] BuiltDevices =
        ["emulator", "disk", "interface", "serial", "parallel", "console", "channel", "graphics", "video"];

    /// <summary>The socket of the guest agent's channel, or null where the machine has none.</summary>
    public string? AgentPath { get; init; }

    /// <summary>Passwords by protocol (<c>vnc</c>, <c>spice</c>), to be set with QMP's <c>set_password</c>: all may read a command line.</summary>
    public IReadOnlyDictionary<string, string> Passwords { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Translates a document; nothing is opened or looked up.</summary>
    public static QemuCommandLine Build(DomainDocument domain, QemuRuntime runtime)
    {
        var arguments = new QemuArguments(domain, runtime);
        arguments.Sort(domain.Root, BuiltInDomain, IgnoredInDomain);
        arguments.Sort(arguments.Devices, BuiltDevices, IgnoredDevices);
        Dictionary<XElement, int> boot = BootOrder.Of(arguments);
        BoardArguments.Add(arguments);
        FirmwareArguments.Add(arguments);
        DiskArguments.Add(arguments, boot);
        InterfaceArguments.Add(arguments, boot);
        CharacterArguments.Add(arguments);
        DisplayArguments.Add(arguments);
        arguments.Add("-qmp", $"unix:{QemuArguments.Escape(runtime.MonitorPath)},server=on,wait=off");
        arguments.Add("-qmp", $"unix:{QemuArguments.Escape(runtime.SecondMonitorPath)},server=on,wait=off");
        arguments.Add("-pidfile", runtime.PidFile);
        if (runtime.LogPath is not null)
            arguments.Add("-D", runtime.LogPath);
        arguments.Add("-daemonize");
        arguments.Add(domain.QemuArguments);
        return new QemuCommandLine(domain.Emulator ?? $"qemu-system-{EmulatorOf(arguments.Architecture)}", arguments.Arguments, domain.QemuEnvironment, Warn(arguments))
        {
            AgentPath = arguments.AgentPath,
            Passwords = arguments.Passwords,
        };
    }

    private static string EmulatorOf(string architecture) => architecture switch
    {
        "i686" => "i386",
        "armv7l" => "arm",
        _ => architecture,
    };

    private static List<string> Warn(QemuArguments arguments) => arguments.Ignored.Count == 0
        ? []
        : [$"Of the XML of domain '{arguments.Domain.Name}' these elements are ignored: {string.Join(", ", arguments.Ignored)}."];
}
