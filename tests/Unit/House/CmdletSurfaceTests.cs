using System.Management.Automation;
using System.Text;

namespace MomentTools.Tests.House;

public sealed class CmdletSurfaceTests
{
    private static readonly string[] Changing =
        ["Register", "Start", "Stop", "Suspend", "Resume", "Rename", "Unregister", "Backup", "Set", "Remove", "New", "Restore", "Merge", "Undo", "Switch", "Repair", "Import", "Export", "Invoke", "Use"];

    public static TheoryData<string> Names => [.. CmdletDeclaration.All.Select(cmdlet => cmdlet.Name)];

    [Fact]
    public void TheSurfaceIsTheDescribedOne()
    {
        string actual = Describe();
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, "cmdlets.actual.txt"), actual);
        Assert.True(
            actual == SourceTree.Read("tests/Unit/House/cmdlets.txt"),
            "The cmdlets are not what tests/Unit/House/cmdlets.txt describes. If the change is meant, copy cmdlets.actual.txt from "
            + $"{AppContext.BaseDirectory} over it, and say it in the release notes.");
    }

    [Fact]
    public void TheManifestExportsThemAll()
    {
        List<string> manifest = [.. SourceTree.Read("MomentTools.psd1").Split('\n').Select(line => line.Trim())];
        IEnumerable<string> exported = manifest
            .SkipWhile(line => !line.StartsWith("CmdletsToExport", StringComparison.Ordinal)).Skip(1)
            .TakeWhile(line => line != ")")
            .Select(line => line.Trim('\''));
        Assert.Equal(CmdletDeclaration.All.Select(cmdlet => cmdlet.Name), exported);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheVerbIsApprovedAndTheNounIsOurs(string name)
    {
        CmdletDeclaration cmdlet = Find(name);
        Type[] verbs = [typeof(VerbsCommon), typeof(VerbsCommunications), typeof(VerbsData), typeof(VerbsDiagnostic), typeof(VerbsLifecycle), typeof(VerbsOther), typeof(VerbsSecurity)];
        Assert.Contains(cmdlet.Verb, verbs.SelectMany(group => group.GetFields()).Select(field => (string)field.GetRawConstantValue()!));
        Assert.StartsWith("VM", cmdlet.Noun);
        Assert.False(cmdlet.Noun.EndsWith('s'), "a noun is singular");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WhatChangesSomethingAsksFirst(string name)
    {
        CmdletDeclaration cmdlet = Find(name);
        Assert.Equal(Changing.Contains(cmdlet.Verb), cmdlet.AsksFirst);
        if (cmdlet.Verb is "Remove" or "Unregister" or "Merge")
            Assert.Equal(ConfirmImpact.High, cmdlet.Impact);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheDomainComesFirstAndTheNameSecond(string name)
    {
        foreach (CmdletParameter parameter in Find(name).Parameters)
        {
            foreach (CmdletBinding binding in parameter.Bindings)
            {
                if (parameter.Name == "VM")
                {
                    Assert.Equal(0, binding.Position);
                    Assert.True(binding is { FromPipeline: true, FromProperty: true }, "-VM binds from the pipeline, by value and by property");
                }
                else if (parameter.Name == "Name")
                {
                    Assert.False(binding.FromPipeline || binding.FromProperty, "a moment's name never binds from the pipeline");
                    Assert.True(name == "Register-VMDomain" || binding.Position == 1, "-Name is at position 1");
                }
                else if (parameter.Name == "InputObject")
                {
                    Assert.True(
                        binding is { Set: { } set, Mandatory: true, FromPipeline: true } && set.EndsWith("InputObject", StringComparison.Ordinal), "-InputObject has sets of its own");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WhatComesOutIsSaid(string name) => Assert.NotEmpty(Find(name).Outputs);

    [Theory]
    [MemberData(nameof(Names))]
    public void PassThruIsForWhatElseGivesNothing(string name)
    {
        CmdletDeclaration cmdlet = Find(name);
        if (cmdlet.Parameters.Any(parameter => parameter.Name == "PassThru"))
        {
            Assert.Contains(cmdlet.Verb, (string[])["Set", "Remove", "Rename", "Switch", "Restore", "Merge", "Undo", "Stop"]);
            Assert.NotEqual(["Void"], cmdlet.Outputs);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WhereThereAreSetsOneIsTheDefault(string name)
    {
        CmdletDeclaration cmdlet = Find(name);
        if (cmdlet.Parameters.Any(parameter => parameter.Bindings.Any(binding => binding.Set is not null)))
            Assert.False(string.IsNullOrEmpty(cmdlet.DefaultSet));
    }

    private static CmdletDeclaration Find(string name) => CmdletDeclaration.All.Single(cmdlet => cmdlet.Name == name);

    private static string Describe()
    {
        var text = new StringBuilder();
        foreach (CmdletDeclaration cmdlet in CmdletDeclaration.All)
        {
            text.Append(cmdlet.Name).Append(" -> ").AppendJoin(", ", cmdlet.Outputs).Append('\n');
            if (cmdlet.DefaultSet is { } set)
                text.Append("  default set ").Append(set).Append('\n');
            if (cmdlet.AsksFirst)
                text.Append("  -WhatIf, -Confirm; impact ").Append(cmdlet.Impact).Append('\n');
            foreach (CmdletParameter parameter in cmdlet.Parameters)
                text.Append("  ").Append(parameter).Append('\n');
            text.Append('\n');
        }

        return text.ToString();
    }
}
