using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MomentTools.Tests.House;

/// <summary>What ./build.sh says while it works.</summary>
public sealed partial class BuildTests
{
    // Compilers, test runners and scripts of PowerShell: none of them is done in a moment, and most of them say nothing.
    [Fact]
    public void WhatTakesLongIsSaidBeforeItBegins()
    {
        XElement[] targets = [.. new[] { "build/MomentTools.proj", "build/Test.targets" }.SelectMany(path => XElement.Parse(SourceTree.Read(path)).Elements("Target"))];
        XElement[] slow = [.. targets.SelectMany(target => target.Elements("Exec")).Where(exec => Long().IsMatch(exec.Attribute("Command")!.Value))];
        Assert.True(slow.Length >= 7, $"only {slow.Length} long commands were found");
        Assert.All(slow, exec =>
        {
            Assert.True(exec.PreviousNode is XElement { Name.LocalName: "Message" } said && said.Attribute("Importance")?.Value == "high" && said.Attribute("Text")!.Value.EndsWith(" ...", StringComparison.Ordinal)
                && said.Attribute("Condition")?.Value == exec.Attribute("Condition")?.Value, $"nothing is said before {exec.Attribute("Command")!.Value}");
        });
    }

    [GeneratedRegex(@"^dotnet (publish|build|test|run)\b|^""\$\(Pwsh\)"".* -File ", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Long();
}
