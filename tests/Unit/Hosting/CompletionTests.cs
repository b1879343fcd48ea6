using System.Management.Automation;

namespace MomentTools.Tests.Hosting;

[Collection(nameof(HostedCollection))]
public sealed class CompletionTests : IDisposable
{
    private readonly HostedState _state = new();
    private readonly HostedModule _module;

    public CompletionTests(HostedCollection hosted)
    {
        _module = hosted.Module;
        _state.Domain("web1", "vda", "vdb").Checkpoint("monday", description: "before\nthe upgrade").Snapshot("clean install").Checkpoint("tuesday").Internal("inside")
            .Branch("try", "clean install").Save();
        _state.Domain("db").Checkpoint("nightly").Save();
    }

    public void Dispose() => _state.Dispose();

    [SkippableTheory]
    [InlineData("Get-VMMoment ", "db", "web1")]
    [InlineData("Get-VMMoment -VM W", "web1")]
    [InlineData("Get-VMMoment web1 ", "'clean install'", "inside", "monday", "tuesday")]
    [InlineData("Get-VMCheckpoint web1 ", "monday", "tuesday")]
    [InlineData("Remove-VMCheckpoint web1 ", "monday", "tuesday")]
    [InlineData("Get-VMSnapshot web1 ", "'clean install'", "inside")]
    [InlineData("Remove-VMSnapshot web1 ", "'clean install'", "inside")]
    [InlineData("Restore-VMSnapshot web1 -Name ", "'clean install'", "inside")]
    [InlineData("Merge-VMSnapshot web1 ", "'clean install'")]
    [InlineData("New-VMBranch web1 x -From ", "'clean install'", "inside")]
    [InlineData("Switch-VMBranch web1 ", "try")]
    [InlineData("Remove-VMBranch web1 ", "try")]
    [InlineData("Get-VMBranch web1 ", "main", "try")]
    [InlineData("Rename-VMBranch web1 ", "main", "try")]
    [InlineData("Get-VMChangedBlock web1 ", "'clean install'", "monday", "tuesday")]
    [InlineData("Get-VMChangedBlock web1 -From ", "'clean install'", "monday", "tuesday")]
    [InlineData("Get-VMChangedBlock web1 -From monday -To ", "'clean install'", "tuesday")]
    [InlineData("Get-VMChangedBlock web1 -To tuesday -From ", "'clean install'", "monday")]
    [InlineData("Compare-VMMoment web1 monday ", "'clean install'", "tuesday")]
    [InlineData("Start-VMBlockExport web1 -Since ", "'clean install'", "monday", "tuesday")]
    [InlineData("Get-VMChangedBlock web1 monday -Disk ", "vda", "vdb")]
    [InlineData("Get-VMMoment db ", "nightly")]
    public void OnlyWhatIsLegalIsOffered(string line, params string[] offered) => Assert.Equal(offered, Texts(line));

    [SkippableTheory]
    [InlineData("Get-VMMoment web1 -Name monday,", "'clean install'", "inside", "tuesday")]
    [InlineData("Get-VMMoment web1 -Name monday, t", "tuesday")]
    [InlineData("Get-VMMoment web1 -Name monday,tuesday,", "'clean install'", "inside")]
    [InlineData("Get-VMMoment web1 -Name m^,tuesday", "monday")]
    [InlineData("New-VMCheckpoint web1 x -Disk vda,", "vdb")]
    [InlineData("New-VMCheckpoint web1 x -Disk vda,vd", "vdb")]
    [InlineData("Stop-VMDomain web1,", "db")]
    public void WhatTheListHasIsLeftOut(string line, params string[] offered) => Assert.Equal(offered, Texts(line));

    [SkippableTheory]
    [InlineData("'db' | Get-VMMoment -Name ", "nightly")]
    [InlineData("Get-VMDomain db | Get-VMCheckpoint -Name ", "nightly")]
    [InlineData("Get-VMDomain -VM db | Where-Object State -eq Running | Get-VMMoment -Name ", "nightly")]
    [InlineData("'db','web1' | Get-VMCheckpoint -Name ", "nightly", "monday", "tuesday")]
    [InlineData("@('db') | Get-VMCheckpoint -Name ", "nightly")]
    [InlineData("$name | Get-VMCheckpoint -Name ", "nightly")]
    [InlineData("$list | Get-VMCheckpoint -Name ", "nightly")]
    [InlineData("$object | Get-VMCheckpoint -Name ", "nightly")]
    [InlineData("Get-VMCheckpoint $name ", "nightly")]
    [InlineData("Get-VMCheckpoint $object -Name ", "nightly")]
    [InlineData("Get-VMCheckpoint -VMName db -Name ", "nightly")]
    [InlineData("Get-VMCheckpoint -Name  ^ -VM db", "nightly")]
    [InlineData("Get-VMCheckpoint d* ", "nightly")]
    [InlineData("Get-VMCheckpoint db,web1 ", "nightly", "monday", "tuesday")]
    [InlineData("Get-VMCheckpoint $nosuch ", "nightly", "monday", "tuesday")]
    [InlineData("Get-VMCheckpoint nosuch ")]
    [InlineData("$x = Get-VMCheckpoint db ", "nightly")]
    [InlineData("if ($true) { Get-VMCheckpoint db ^ }", "nightly")]
    [InlineData("Get-VMBranch db -Name ", "main")]
    public void TheDomainIsFoundWhereverItStands(string line, params string[] offered)
    {
        _module.Run("$global:name = 'db'; $global:list = 'db', 'db'; $global:object = [pscustomobject]@{ VM = 'db' }");
        Assert.Equal(offered, Texts(line));
    }

    [SkippableTheory]
    [InlineData("Get-VMMoment web1 cl", "'clean install'")]
    [InlineData("Get-VMMoment web1 'cl", "'clean install'")]
    [InlineData("Get-VMMoment web1 'cl'", "'clean install'")]
    [InlineData("Get-VMMoment web1 'clean i", "'clean install'")]
    [InlineData("Get-VMMoment web1 \"clean i", "\"clean install\"")]
    [InlineData("Get-VMMoment web1 \"mon\"", "\"monday\"")]
    [InlineData("Get-VMMoment web1 clean` i", "'clean install'")]
    [InlineData("Get-VMMoment web1 *day", "monday", "tuesday")]
    [InlineData("Get-VMMoment web1 '*day'", "'monday'", "'tuesday'")]
    [InlineData("Get-VMMoment web1 ?o", "monday")]
    [InlineData("Get-VMMoment web1 [m", "")]
    [InlineData("Get-VMMoment web1 checkpoint:m", "checkpoint:monday")]
    [InlineData("Get-VMMoment web1 SNAPSHOT:", "'snapshot:clean install'", "snapshot:inside")]
    [InlineData("Get-VMMoment web1 -Name:m", "monday")]
    [InlineData("Get-VMMoment web1 zzz", "")]
    public void QuotesWildcardsAndKindsAreUnderstood(string line, params string[] offered) => Assert.Equal(offered is [""] ? [] : offered, Texts(line));

    [SkippableTheory]
    [InlineData("it's")]
    [InlineData("a$b")]
    [InlineData("say \"hi\"")]
    [InlineData("`tick")]
    [InlineData("„deutsch“")]
    [InlineData("‘curly’")]
    [InlineData("日本語")]
    [InlineData("Ω größe")]
    [InlineData("-dash")]
    [InlineData("@at")]
    [InlineData("#hash")]
    [InlineData("1e3")]
    [InlineData("0x10")]
    [InlineData("12kb")]
    [InlineData("a;b|c&d")]
    [InlineData("{x}(y)")]
    [InlineData("a,b")]
    [InlineData("$true")]
    [InlineData("%")]
    [InlineData("🦊 fox")]
    public void WhateverANameIsMadeOfComesBackAsItself(string name)
    {
        _state.Domain("odd").Snapshot(name).Save();
        foreach (string begin in (string[])["", "'", "\""])
        {
            CompletionResult offered = Assert.Single(_module.Complete($"Get-VMSnapshot odd {begin}"));
            Assert.Equal(name, offered.ListItemText);
            Assert.Equal(name, (string)_module.Run($"Write-Output {offered.CompletionText}").Single().BaseObject);
            Assert.Equal(name, ((VMMoment)_module.Run($"Get-VMSnapshot odd {offered.CompletionText} 3>$null").Single().BaseObject).Name);
        }

        // And from each of its beginnings, in quotes.
        for (int length = 1; length < name.Length; length++)
        {
            // PowerShell itself takes an open '- for the beginning of a parameter.
            if (!char.IsHighSurrogate(name[length - 1]) && name[..length] != "-")
                Assert.Equal(name, Assert.Single(_module.Complete($"Get-VMSnapshot odd '{name[..length].Replace("'", "''", StringComparison.Ordinal).Replace("‘", "‘‘", StringComparison.Ordinal).Replace("’", "’’", StringComparison.Ordinal)}")).ListItemText);
        }
    }

    [SkippableFact]
    public void ANameWithABracketIsWrittenAsAPatternWhereOneIsTaken()
    {
        _state.Domain("web[1]").Checkpoint("monday").Save();
        CompletionResult offered = Assert.Single(_module.Complete("Get-VMMoment 'web["));
        Assert.Equal("'web`[1`]'", offered.CompletionText);
        Assert.Equal("web[1]", ((VMMoment)_module.Run($"Get-VMMoment {offered.CompletionText} 3>$null").Single().BaseObject).VM);
        Assert.Equal("'web[1]'", Assert.Single(_module.Complete("Restore-VMBackup -VM 'web[")).CompletionText);
    }

    [SkippableFact]
    public void TwinsAreNamedWithTheirKind()
    {
        _state.Domain("twins").Checkpoint("monday").Snapshot("monday").Checkpoint("other").Save();
        Assert.Equal(["checkpoint:monday", "other", "snapshot:monday"], Texts("Get-VMMoment twins ").Order(StringComparer.Ordinal));
        Assert.Equal(["checkpoint:monday", "snapshot:monday"], Texts("Get-VMMoment twins mon"));
        Assert.Equal(["snapshot:monday"], Texts("Get-VMMoment twins checkpoint:monday,mon"));
        Assert.Equal(["monday", "other"], Texts("Get-VMCheckpoint twins "));
        Assert.Equal(["monday"], Texts("Get-VMSnapshot twins "));
    }

    [SkippableFact]
    public void AMomentBehindALossIsNotOfferedToBeComparedAcrossIt()
    {
        _state.Domain("torn").Checkpoint("one").Checkpoint("two", lost: "QEMU was killed").Checkpoint("three").Save();
        Assert.Equal(["three", "two"], Texts("Get-VMChangedBlock torn -Since "));
        Assert.Equal(["two"], Texts("Get-VMChangedBlock torn -From three -To "));
        Assert.Equal([], Texts("Get-VMChangedBlock torn -From one -To "));
        Assert.Equal(["one", "three", "two"], Texts("Get-VMChangedBlock torn -From "));
    }

    [SkippableFact]
    public void AMomentOfOtherDisksIsNotOfferedToBeComparedWith()
    {
        _state.Domain("halves", "vda", "vdb").Checkpoint("a", disks: "vda").Checkpoint("b", disks: "vdb").Checkpoint("both").Save();
        Assert.Equal(["both"], Texts("Get-VMChangedBlock halves -From a -To "));
        Assert.Equal(["a", "b", "both"], Texts("Get-VMChangedBlock halves -Since "));
    }

    [SkippableFact]
    public void TheTipSaysKindTimeAndSize()
    {
        string at = new DateTimeOffset(2026, 11, 1, 13, 0, 0, TimeSpan.Zero).ToLocalTime().ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture);
        string tip = $"checkpoint of web1, {at}, 128 MiB on 2 disks: before the upgrade";
        Assert.Equal(tip, Tip("Get-VMMoment web1 mon"));
        Assert.Equal(tip, Tip("Get-VMChangedBlock web1 mon"));
        Assert.StartsWith("external snapshot of web1 (shutoff), 2026-11-01 ", Tip("Restore-VMSnapshot web1 cl"), StringComparison.Ordinal);
        Assert.StartsWith("internal snapshot of web1 (running), 2026-11-01 ", Tip("Restore-VMSnapshot web1 in"), StringComparison.Ordinal);
        Assert.Equal("qcow2 disk of web1, 64 MiB: /nosuch/vda.qcow2", Tip("New-VMCheckpoint web1 x -Disk vda"));
        Assert.Equal("domain web1 with vda, vdb; 4 moments", Tip("Get-VMDomain web1"));
        Assert.StartsWith("branch of web1, made 2026-11-01 ", Tip("Switch-VMBranch web1 "), StringComparison.Ordinal);
        Assert.StartsWith("branch of web1, where it is now", Tip("Get-VMBranch web1 m"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public void WhatStandsInFilesDoesNotSpeakToTheTerminal()
    {
        _state.Domain("loud").Checkpoint("monday", description: "a\u009b31m b\u202ec").Save();
        Assert.EndsWith(": a\ufffd31m b\ufffdc", Tip("Get-VMMoment loud mon"), StringComparison.Ordinal);
        Directory.CreateDirectory(Path.Combine(_state.Root, "domains", "bell\a"));
        Assert.Equal(["db", "loud", "web1"], Texts("Get-VMDomain "));
    }

    private string[] Texts(string line) => [.. _module.Complete(line).Where(result => result.ResultType == CompletionResultType.ParameterValue).Select(result => result.CompletionText)];

    private string Tip(string line) => Assert.Single(_module.Complete(line)).ToolTip;
}
