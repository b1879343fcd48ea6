namespace MomentTools.Tests.House;

/// <summary>The repository that these tests were built from: the first directory above them with the solution in it.</summary>
internal static class SourceTree
{
    public static string Root { get; } = FindRoot();

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>The C# files below a directory of the repository, as paths from its root, and their text.</summary>
    public static IReadOnlyList<SourceFile> Files(string directory)
    {
        string start = Path.Combine(Root, directory);
        return Directory.Exists(start)
            ? [.. Directory.EnumerateFiles(start, "*.cs", SearchOption.AllDirectories)
                .Select(path => (Path: path, Name: Path.GetRelativePath(Root, path)))
                .Where(file => !file.Name.Split('/').Any(part => part is "bin" or "obj"))
                .OrderBy(file => file.Name, StringComparer.Ordinal)
                .Select(file => new SourceFile(file.Name, File.ReadAllText(file.Path)))]
            : [];
    }

    private static string FindRoot()
    {
        string? at = AppContext.BaseDirectory;
        while (at is not null && !File.Exists(Path.Combine(at, "MomentTools.sln")))
            at = Path.GetDirectoryName(at);
        return at ?? throw new InvalidOperationException("MomentTools.sln is not above the tests: they read the sources that they were built from.");
    }
}
