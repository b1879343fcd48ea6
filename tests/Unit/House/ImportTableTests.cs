namespace MomentTools.Tests.House;

/// <summary>The rooms keep to the table of docs/architecture.md.</summary>
public sealed class ImportTableTests
{
    [Fact]
    public void EveryRoomUsesOnlyWhatItMay()
    {
        IReadOnlyList<SourceFile> files = SourceTree.Files("src");
        Assert.True(files.Count > 100, $"only {files.Count} source files were found below {SourceTree.Root}");
        Assert.Empty(ImportTable.Violations(files));
    }

    [Theory]
    [InlineData("src/Engine/Qcow2/A.cs", "using MomentTools.Qmp;", "Qcow2 may not use Qmp")]
    [InlineData("src/Engine/Files/A.cs", "    MomentTools.Blocks.ExtentMap.Of();", "Files may not use Blocks")]
    [InlineData("src/Engine/Machines/A.cs", "    Moments.MomentTree tree;", "Machines may not use Moments")]
    [InlineData("src/Engine/Errors/A.cs", "using static MomentTools.Blocks.Extent;", "Errors may not use Blocks")]
    [InlineData("src/Cmdlets/Backup/A.cs", "using Text = MomentTools.Xml.XmlText;", "Cmdlets may not use Xml")]
    [InlineData("src/Engine/Operations/A.cs", "    new MomentEngine();", "the door MomentEngine is for callers outside the engine")]
    [InlineData("src/Engine/Helpers/A.cs", "", "the room 'Helpers' is not in the table of rooms")]
    public void AForbiddenUseIsFound(string path, string line, string words)
    {
        SourceFile[] files = [new SourceFile(path, line), new SourceFile("src/Engine/Moments/MomentTree.cs", "")];
        Assert.Contains(words, Assert.Single(ImportTable.Violations(files)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("src/Engine/Qcow2/A.cs", "using MomentTools.Blocks;")]
    [InlineData("src/Engine/Qcow2/A.cs", "namespace MomentTools.Qcow2;")]
    [InlineData("src/Engine/Qcow2/A.cs", "// unlike MomentTools.Qmp")]
    [InlineData("src/Engine/Results/A.cs", "    public int Count => Moments.Count;")]
    [InlineData("src/Engine/Operations/Backups/A.cs", "using MomentTools.Qmp;")]
    [InlineData("src/Engine/MomentEngine.cs", "using MomentTools.Operations;")]
    [InlineData("src/Cmdlets/A.cs", "    new MomentEngine();")]
    public void AnAllowedUseIsNot(string path, string line) => Assert.Empty(ImportTable.Violations([new SourceFile(path, line)]));

    [Theory]
    [InlineData("System.Management.Automation")]
    [InlineData("Console.")]
    public void TheEngineKnowsNeitherPowerShellNorTheConsole(string name)
    {
        Assert.DoesNotContain(SourceTree.Files("src/Engine"), file => file.Code.Any(line => line.Contains(name, StringComparison.Ordinal)));
    }
}
