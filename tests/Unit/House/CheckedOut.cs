namespace MomentTools.Tests.House;

/// <summary>The files that the project is built from.</summary>
internal static class CheckedOut
{
    public static string Root { get; } = Find();

    public static string Read(string relativePath) => File.ReadAllText(Path.Combine(Root, relativePath));

    private static string Find()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "MomentTools.sln")))
                return directory.FullName;
        }

        throw new InvalidOperationException($"MomentTools.sln is in no directory above {AppContext.BaseDirectory}: run the tests from a build inside the tree.");
    }
}
