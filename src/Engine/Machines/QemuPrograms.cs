using System.Diagnostics;

namespace MomentTools.Machines;

/// <summary>QEMU's programs on this host.</summary>
internal static class QemuPrograms
{
    // Where some distributions have the emulator, which users are not to start by its name.
    private const string Private = "/usr/libexec";

    private static string[] Directories => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The path of a program that has to be there: the name is looked up on PATH, a path is taken as it is.</summary>
    public static string Require(string program) => Find(program) ?? throw MachineErrors.ProgramMissing(program);

    /// <summary>The path of a program, or null.</summary>
    public static string? Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
            return File.Exists(program) ? program : null;
        return Directories.Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);
    }

    /// <summary>Whether this is an emulator that is installed here, by its path or by its name, and no other program or place.</summary>
    public static bool IsInstalled(string emulator)
    {
        string name = Path.GetFileName(emulator);
        return (name.StartsWith("qemu-system-", StringComparison.Ordinal) || name is "kvm" or "qemu-kvm")
            && (name == emulator ? Find(name) is not null : File.Exists(emulator) && Directories.Append(Private).Contains(Path.GetDirectoryName(emulator), StringComparer.Ordinal));
    }

    /// <summary>
    /// How a program is started: with pipes, and in a session of its own. A terminal sends Ctrl-C to all that run in the foreground of its
    /// session, and what is writing to an image must not end by it, but when it is told to.
    /// </summary>
    public static ProcessStartInfo Start(string program, params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = Find("setsid") is { } setsid ? new(setsid, [program, .. arguments]) : new(program, arguments);
        start.UseShellExecute = false;
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = "/";
        return start;
    }
}
