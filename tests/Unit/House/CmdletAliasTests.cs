using System.Text.RegularExpressions;

namespace MomentTools.Tests.House;

/// <summary>One idea has the same other names wherever it is a parameter: those that hands from Hyper-V, PowerCLI and virsh reach for.</summary>
public sealed class CmdletAliasTests
{
    private static readonly string[] Moment = ["MomentName", "CheckpointName", "SnapshotName"];
    private static readonly string[] MomentObject = ["VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint"];
    private static readonly string[] File = ["LiteralPath", "FilePath", "XmlFile"];

    // PowerShell's own, with their short forms, of every command and of those that ask.
    private static readonly string[] Common =
    [
        "Verbose", "vb", "Debug", "db", "ErrorAction", "ea", "ErrorVariable", "ev", "WarningAction", "wa", "WarningVariable", "wv", "InformationAction", "infa", "InformationVariable", "iv",
        "OutVariable", "ov", "OutBuffer", "ob", "PipelineVariable", "pv", "ProgressAction", "proga", "WhatIf", "wi", "Confirm", "cf",
    ];

    // By the parameter, and where one name has several meanings by the cmdlet, its noun, or the type.
    private static readonly Dictionary<string, string[]> Ideas = new(StringComparer.Ordinal)
    {
        ["VM"] = ["VMName", "Domain", "DomainName"],
        ["Register-VMDomain Name"] = ["VM", "VMName", "Domain", "DomainName"],
        ["VMMoment Name"] = Moment,
        ["VMCheckpoint Name"] = Moment,
        ["VMSnapshot Name"] = Moment,
        ["VMBranch Name"] = ["BranchName", "Branch"],
        ["VMBlockSnapshot Name"] = ["SnapshotName", "BlockSnapshotName"],
        ["VMBitmap Name"] = ["BitmapName"],
        ["InputObject:VMMoment"] = MomentObject,
        ["InputObject:VMCheckpoint"] = MomentObject,
        ["InputObject:VMSnapshot"] = MomentObject,
        // There -Snapshot is a block snapshot, and -Checkpoint the moment to compare with.
        ["Get-VMChangedBlock InputObject"] = ["VMMoment", "VMSnapshot", "VMCheckpoint"],
        ["InputObject:VMBackup"] = ["VMBackup", "Backup"],
        ["InputObject:VMMomentFinding"] = ["VMMomentFinding", "Finding"],
        ["InputObject:VMBitmap"] = ["VMBitmap"],
        ["InputObject:VMBranch"] = ["VMBranch"],
        ["InputObject:VMBlockSnapshot"] = ["VMBlockSnapshot"],
        ["InputObject:VMBlockExport"] = ["VMBlockExport"],
        ["Disk:String"] = ["DiskName"],
        ["Description"] = ["Notes"],
        ["Kind"] = ["Type"],
        ["IncludeDescendant"] = ["Descendants", "IncludeAllChildSnapshots", "IncludeAllChildCheckpoints", "RemoveChildren", "Recurse"],
        ["DescendantOnly"] = ["DescendantsOnly", "ChildrenOnly"],
        ["Descendants"] = ["IncludeDescendant", "Recurse"],
        ["Roots"] = ["Root"],
        ["Leaves"] = ["Leaf"],
        ["NoLeaves"] = ["NoLeaf", "Inner"],
        ["VMMoment From"] = ["ChildOf"],
        ["VMCheckpoint From"] = ["ChildOf"],
        ["VMSnapshot From"] = ["ChildOf"],
        ["Compare-VMMoment From"] = [],
        ["New-VMBranch From"] = ["Snapshot", "SnapshotName", "VMSnapshot"],
        ["Since:MomentReference"] = ["Checkpoint", "Incremental", "ChangeId"],
        ["NewCheckpoint"] = ["Checkpoint"],
        ["Snapshot"] = ["BlockSnapshot"],
        ["Memory"] = ["IncludeMemory"],
        ["KeepMemory"] = ["Memory", "IncludeMemory"],
        ["MemoryPath"] = ["MemorySpec", "MemoryFile"],
        ["Paused"] = ["StartPaused"],
        ["Running"] = ["Start", "PowerOn"],
        ["Stop-VMDomain Force"] = ["TurnOff"],
        ["TimeoutSec"] = ["Timeout"],
        ["Id"] = ["BackupId"],
        ["Undo-VMSnapshot Id"] = [],
        ["AsXml"] = ["Xml"],
        ["AsJob"] = ["RunAsync"],
        ["Secure"] = ["SecurityInfo"],
        ["Scratch"] = ["Fleece"],
        ["ScratchDirectory"] = ["ScratchDir"],
        ["ArgumentList"] = ["Args"],
        ["Path"] = File,
        // What comes through the pipeline with a path, as Get-ChildItem gives it.
        ["Register-VMDomain Path"] = [.. File, "FullName", "PSPath"],
        ["LiteralPath"] = ["FullName", "PSPath", "LP"],
        // Wildcards are looked for in it, so it is not -LiteralPath.
        ["Get-VMBitmap Path"] = [],
        ["Export-VMMoment Path"] = ["LiteralPath", "FilePath", "Destination"],
        ["Destination"] = ["Path", "DestinationPath"],
    };

    public static TheoryData<string> Names => CmdletSurfaceTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void OneIdeaHasTheSameNamesEverywhere(string name)
    {
        CmdletDeclaration cmdlet = Find(name);
        foreach (CmdletParameter parameter in cmdlet.Parameters)
        {
            string[] wanted = Keys(cmdlet, parameter).Where(Ideas.ContainsKey).Select(key => Ideas[key]).FirstOrDefault() ?? [];
            Assert.True(wanted.SequenceEqual(parameter.Aliases), $"{name} -{parameter.Name} is also called {Listed(parameter.Aliases)}, and elsewhere {Listed(wanted)}");
        }
    }

    [Fact]
    public void EveryIdeaIsAParameterSomewhere()
    {
        HashSet<string> used = [.. CmdletDeclaration.All.SelectMany(cmdlet => cmdlet.Parameters.SelectMany(parameter => Keys(cmdlet, parameter)))];
        Assert.All(Ideas.Keys, key => Assert.True(key == "AsJob" || used.Contains(key), $"no parameter is called {key}"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void NoNameMeansTwoThings(string name)
    {
        IEnumerable<string> all = Find(name).Parameters.SelectMany(parameter => parameter.Aliases.Prepend(parameter.Name)).Concat(Common);
        Assert.Empty(all.GroupBy(word => word, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ItsPageNamesThem(string name)
    {
        string page = SourceTree.Read($"docs/help/{name}.md");
        foreach (CmdletParameter parameter in Find(name).Parameters)
        {
            Match section = Regex.Match(page, $@"(?ms)^### -{parameter.Name}\n.*?^Aliases:(?: \[\])?\n(?<aliases>(?:- \w+\n)*)", RegexOptions.None, TimeSpan.FromMinutes(1));
            Assert.True(section.Success, $"docs/help/{name}.md does not describe -{parameter.Name}");
            Assert.Equal(parameter.Aliases, section.Groups["aliases"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[2..]));
        }
    }

    // The most particular first.
    private static string[] Keys(CmdletDeclaration cmdlet, CmdletParameter parameter) =>
        [$"{cmdlet.Name} {parameter.Name}", $"{cmdlet.Noun} {parameter.Name}", $"{parameter.Name}:{parameter.Type.Name}", parameter.Name];

    private static string Listed(IEnumerable<string> names) => $"[{string.Join(", ", names)}]";

    private static CmdletDeclaration Find(string name) => CmdletDeclaration.All.Single(cmdlet => cmdlet.Name == name);
}
