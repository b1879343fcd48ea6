using System.Xml.Linq;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// What a machine's document wants of this host beyond an installed QEMU, the network and the machine's own files: other programs, arguments
/// of its own for QEMU, files of the host. A backup brings its document along, and a stranger's backup a stranger's.
/// </summary>
internal static class HostReach
{
    // What packages install for everybody to read: firmware, drivers' media. Nobody keeps a secret or a disk there.
    private static readonly string[] Shared = ["/usr/share/", "/usr/lib/", "/usr/lib64/"];

    private const string Reads = "reads";

    private static readonly string[] Secrets = ["secret", "password", "passwd"];

    /// <summary>What the document wants and what is not known, a phrase each ("runs the program '/x'").</summary>
    /// <param name="domain">The document that is to be registered.</param>
    /// <param name="directory">Where the machine's own files lie.</param>
    /// <param name="known">The machine of the same UUID that is registered here, which may do all that its own document says; or null.</param>
    public static IReadOnlyList<string> Beyond(DomainDocument domain, string directory, DomainDocument? known)
    {
        HashSet<string> granted = new((known is null ? [] : Wants(known, null)).Select(want => want.Key), StringComparer.Ordinal);
        return [.. Wants(domain, directory).Where(want => !granted.Contains(want.Key)).Select(want => want.Phrase).Distinct(StringComparer.Ordinal)];
    }

    // The key has all of it; the phrase is shown, and has no value that could be a password.
    private static IEnumerable<(string Key, string Phrase)> Wants(DomainDocument domain, string? directory)
    {
        if (domain.Emulator is { } emulator && !QemuPrograms.IsInstalled(emulator))
            yield return ("program " + emulator, $"runs the program {XmlErrors.Quote(emulator)} (<emulator>)");
        // All of them at once: what one argument does depends on its neighbours.
        if (domain.QemuArguments.Count > 0)
            yield return ("arguments " + string.Join('\0', domain.QemuArguments), $"gives QEMU the arguments {XmlErrors.Quote(string.Join(' ', domain.QemuArguments.Select(Shown)))} (<qemu:commandline>)");
        foreach ((string name, string value) in domain.QemuEnvironment)
            yield return ($"variable {name}={value}", $"runs QEMU with a value of its own for the variable {XmlErrors.Quote(name)} (<qemu:commandline>)");
        foreach ((XElement element, string path, string use) in Files(domain))
            if (!IsOwn(path, directory) && (use != Reads || !IsShared(path)))
                yield return ($"{use} {path}", $"{use} {XmlErrors.Quote(path)} ({XmlErrors.Tag(element)})");
    }

    /// <summary>An argument of QEMU as a message shows it.</summary>
    public static string Shown(string argument) =>
        Secrets.Any(word => argument.Contains(word, StringComparison.OrdinalIgnoreCase)) ? "…" : argument;

    private static IEnumerable<(XElement Element, string Path, string Use)> Files(DomainDocument domain)
    {
        foreach (XElement element in domain.Root.Elements("os").Elements())
        {
            string path = element.Value.Trim();
            if (element.Name.LocalName is "loader" or "kernel" or "initrd" or "dtb" && path.Length > 0)
                yield return (element, path, Reads);
            else if (element.Name.LocalName == "nvram")
                foreach (string variables in element.Elements("source").Select(source => source.Attribute("file")?.Value ?? "").Append(path).Where(one => one.Length > 0))
                    yield return (element, variables, "writes");
        }

        foreach (XElement device in domain.Root.Elements("devices").Elements())
        {
            string kind = device.Name.LocalName;
            if (kind == "disk")
                foreach (XAttribute path in device.Elements("source").Attributes().Where(one => one.Name.LocalName is "file" or "dev"))
                    yield return (device, path.Value, Reads);
            else if (kind is "serial" or "parallel" or "console" or "channel")
                foreach (XAttribute path in device.Elements("source").Attributes("path").Concat(device.Elements("log").Attributes("file")))
                    yield return (device, path.Value, "writes");
            else if (kind == "graphics" && device.Attribute("keymap") is { } keymap && keymap.Value.Contains('/', StringComparison.Ordinal))
                yield return (device, keymap.Value, Reads);
        }
    }

    private static bool IsOwn(string path, string? directory) => directory is not null && Path.GetDirectoryName(path) == directory;

    private static bool IsShared(string path) => IsBelow(path) && (!Path.Exists(path) || Libc.RealPath(path) is { } real && IsBelow(real));

    private static bool IsBelow(string path) => Shared.Any(folder => path.StartsWith(folder, StringComparison.Ordinal)) && !path.Split('/').Contains("..", StringComparer.Ordinal);
}
