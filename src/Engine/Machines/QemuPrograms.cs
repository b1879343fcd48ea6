namespace MomentTools.Machines;

/// <summary>QEMU's programs on this host.</summary>
internal static class QemuPrograms
{
    /// <summary>The path of a program that has to be there: the name is looked up on PATH, a path is taken as it is.</summary>
    public static string Require(string program) => Find(program) ?? throw MachineErrors.ProgramMissing(program);

    /// <summary>The path of a program, or null.</summary>
    public static string? Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
            return File.Exists(program) ? program : null;
        string[] directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return directories.Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);
    }
}
