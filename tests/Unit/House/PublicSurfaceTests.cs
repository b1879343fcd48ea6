namespace MomentTools.Tests.House;

/// <summary>What is public is a promise: it changes only on purpose, in public-api.txt and in the same commit.</summary>
public sealed class PublicSurfaceTests
{
    private const string Update = "MOMENTTOOLS_UPDATE_PUBLIC_API";

    private static string ListPath => Path.Combine(SourceTree.Root, "tests", "Unit", "House", "public-api.txt");

    [Fact]
    public void TheEnginesPublicSurfaceIsTheCheckedInList()
    {
        IReadOnlyList<string> actual = PublicSurface.Of(typeof(MomentTools.Errors.MomentException).Assembly);
        if (Environment.GetEnvironmentVariable(Update) == "1")
            File.WriteAllText(ListPath, string.Join('\n', actual) + "\n");
        string[] expected = File.ReadAllLines(ListPath);
        string[] gone = [.. expected.Except(actual).Select(line => "- " + line)];
        string[] added = [.. actual.Except(expected).Select(line => "+ " + line)];
        Assert.True(
            expected.SequenceEqual(actual),
            $"The public surface differs from public-api.txt. If that is meant, run the tests once with {Update}=1.\n{string.Join('\n', gone.Concat(added))}");
    }

    [Fact]
    public void AMemberIsOneReadableLine()
    {
        IReadOnlyList<string> lines = PublicSurface.Of(typeof(VMDisk).Assembly);
        Assert.Contains("sealed class MomentTools.VMDisk", lines);
        Assert.Contains("    Int64? Size { get; init; }", lines);
        Assert.Contains("    IReadOnlyList<String> Checkpoints { get; init; }", lines);
        Assert.Contains("    String? Path { get; init; }", lines);
    }
}
