using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Fuzz.Targets;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Operations.Undo;
using MomentTools.Qcow2;
using MomentTools.Tests.Machines;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Fuzzing;

/// <summary>What fuzzing found, each as a test of its own: none of it may come back.</summary>
public sealed class FoundTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void WhatAStrangerWroteDoesNotSpeakToTheTerminal()
    {
        var error = new MomentException(Qcow2Errors.Qcow2BitmapInvalid, "The bitmap '\u001b]0;x\u0007\u009b2J\r' is\nnot\tsound.", null, "Look\u001b[8m away.");
        Assert.Equal("The bitmap '\ufffd]0;x\ufffd\ufffd2J\ufffd' is\nnot\tsound.", error.Message);
        Assert.Equal("Look\ufffd[8m away.", error.Advice);
    }

    [Fact]
    public void ASidecarWithANameOfNegativeLengthIsUnreadable()
    {
        byte[] content = [.. "MTSEGM01"u8, 1, 0x80, 0x80, 0x80, 0x80, 0x08, 0, 0];
        File.WriteAllBytes(_scratch["x"], [.. content, .. SHA256.HashData(content)]);
        Assert.Equal(MomentErrors.SegmentUnreadable, Assert.Throws<MomentException>(() => new SegmentFile(_scratch.Path).Read("x", "vda")).ErrorId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ASidecarInPiecesOfNoSizeIsUnreadable(bool negative)
    {
        byte[] granularity = !negative ? [0] : [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
        byte[] content = [.. "MTSEGM01"u8, 1, 3, .. "vda"u8, 0, .. granularity, 0];
        File.WriteAllBytes(_scratch["x"], [.. content, .. SHA256.HashData(content)]);
        MomentException error = Assert.Throws<MomentException>(() => new SegmentFile(_scratch.Path).Read("x", "vda"));
        Assert.Equal(MomentErrors.SegmentUnreadable, error.ErrorId);
        Assert.Contains("in pieces of", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DomainHash")]
    [InlineData("Checksum")]
    [InlineData("HashAlgorithm")]
    [InlineData("HashChunkSize")]
    [InlineData("ChunkHashes")]
    [InlineData("Hash")]
    public void AManifestThatLacksAHashIsBroken(string property)
    {
        byte[] bytes = Without(property);
        MomentException error = Assert.Throws<MomentException>(() => BackupManifestFile.Parse(bytes, "it"));
        Assert.Equal(BackupErrors.BackupManifestBroken, error.ErrorId);
        Assert.Contains(property, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AManifestThatDoesNotSayHowItWasMadeIsThatOfAPush() =>
        Assert.Equal(BackupManifest.Push, BackupManifestFile.Parse(Without("Mode"), "it").Mode);

    [Theory]
    [InlineData("../x.xml")]
    [InlineData("checkpoints/../../x.xml")]
    [InlineData("/x.xml")]
    [InlineData("checkpoints//x.xml")]
    [InlineData("./x.xml")]
    public void AJournalWritesNothingOutsideItsDomain(string path)
    {
        MomentException error = Assert.Throws<MomentException>(() => Pending(
            """{"operation":"checkpoint","process":1,"started":"2026-11-21T10:00:00Z","intent":{}}""", $$$"""{"commit":{"{{{path}}}":"<x/>"}}"""));
        Assert.Equal(MomentErrors.JournalUnreadable, error.ErrorId);
    }

    [Theory]
    [InlineData("""{"operation":"checkpoint","process":1,"started":"2026-11-21T10:00:00Z","intent":{},"intent":{}}""")]
    [InlineData("""{"operation":"checkpoint","process":1,"started":"2026-11-21T10:00:00Z","intent":{"steps":[{"disk":"a","disk":"b"}]}}""")]
    [InlineData("""{"operation":"checkpoint","process":1,"started":"some day","intent":{}}""")]
    [InlineData("""{"operation":"checkpoint"}""")]
    public void AJournalThatNoOperationWritesIsUnreadable(string line) =>
        Assert.Equal(MomentErrors.JournalUnreadable, Assert.Throws<MomentException>(() => Pending(line)).ErrorId);

    [Fact]
    public void AMessageAboutAJournalIsShortHoweverLongItsLineIs()
    {
        Assert.InRange(Assert.Throws<MomentException>(() => Pending("{" + new string('x', 100_000) + "}")).Message.Length, 50, 1000);
        Assert.InRange(Assert.Throws<MomentException>(() => Pending($$"""{"x":"{{new string('x', 100_000)}}"}""")).Message.Length, 50, 1000);
    }

    [Theory]
    [InlineData("<mt:layer id='a' path='/a'/><mt:layer id='a' path='/b'/>")]
    [InlineData("<mt:layer id='a' path='/a'/><mt:ghost><mt:point id='p' size='1' floor='0' layer='a' flushed='yes'/></mt:ghost><mt:ghost><mt:point id='p' size='1' floor='0' layer='a' flushed='yes'/></mt:ghost>")]
    public void TwoOfOneIdInTheDisksFileAreToldWithTheirLine(string content)
    {
        File.WriteAllText(_scratch["disks.xml"], $"<mt:disks xmlns:mt='{XmlNames.Moments}' branch='main'>\n<mt:disk name='vda'>{content}</mt:disk></mt:disks>");
        MomentException error = Assert.Throws<MomentException>(() => new MomentStore(_scratch.Path).Load(_ => { }));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("there twice", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TwoOfOneFileInWhatIsKeptCostThatAlone()
    {
        Directory.CreateDirectory(_scratch["kept"]);
        File.WriteAllText(_scratch["kept/k.xml"], $"<mt:kept xmlns:mt='{XmlNames.Moments}' id='k' operation='restore' since='2026-11-21T10:00:00Z' until='2026-11-21T11:00:00Z'><mt:file a='1' path='x'/><mt:file a='2' path='x'/></mt:kept>");
        List<MomentException> faults = [];
        Assert.Empty(new MomentStore(_scratch.Path).Load(faults.Add).Kept);
        Assert.Contains("there twice", Assert.Single(faults).Message, StringComparison.Ordinal);
    }

    // For QEMU a name ends at its first zero byte.
    [SkippableFact]
    public async Task NamesWithAZeroByteAreNotSound()
    {
        Tool.Require("qemu-img");
        string image = _scratch["a.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", image, "1M");
        Tool.Run("qemu-img", "bitmap", "--add", image, "recording");
        Tool.Run("qemu-img", "snapshot", "-c", "yesterday", image);
        byte[] bytes = await File.ReadAllBytesAsync(image);
        // Everywhere: what was written first is not overwritten.
        foreach (byte[] name in (byte[][])[[.. "recording"u8], [.. "yesterday"u8]])
            for (int at; (at = bytes.AsSpan().IndexOf(name)) >= 0;)
                bytes[at + 3] = 0;
        await File.WriteAllBytesAsync(image, bytes);
        await using Qcow2Image opened = await Qcow2Image.OpenAsync(image, CancellationToken.None);
        Assert.Equal(Qcow2Errors.Qcow2BitmapDirectoryInvalid, (await Assert.ThrowsAsync<MomentException>(() => opened.BitmapsAsync(CancellationToken.None))).ErrorId);
        Assert.Equal(Qcow2Errors.Qcow2SnapshotTableInvalid, (await Assert.ThrowsAsync<MomentException>(() => opened.SnapshotsAsync(CancellationToken.None))).ErrorId);
    }

    [Theory]
    [InlineData("""{"\ud800": 1}""")]
    [InlineData("""{"error": {"class": "GenericError", "desc": "\ud800"}}""")]
    [InlineData("""{"return": "thaw\ud800ed"}""")]
    [InlineData("""{"return": 7}""")]
    public async Task AGuestThatSendsHalfACharacterIsNotUnderstood(string answer)
    {
        await using var fake = new FakeGuestAgent(_scratch["a"]) { Answer = (command, usual, _) => Task.FromResult<string?>(command == GuestAgent.SyncCommand ? usual : answer) };
        await using GuestAgent agent = await GuestAgent.ConnectAsync("web1", _scratch["a"], GuestAgentOptions.Default, CancellationToken.None);
        Assert.Equal(GuestAgentErrors.GuestAgentProtocolViolation, (await Assert.ThrowsAsync<MomentException>(() => agent.IsFrozenAsync(CancellationToken.None))).ErrorId);
    }

    [Fact]
    public void AFilesNameThatIsNoUnicodeIsLeftAsItIs() => Assert.Equal("""json:{"\ud800":1}""", NodeFile.Of("""json:{"\ud800":1}"""));

    [Theory]
    [InlineData("id")]
    [InlineData("snapshot")]
    [InlineData("temporary")]
    [InlineData("home")]
    public void ANoteThatLacksANameIsBroken(string name)
    {
        new UseNote("i", 1, 2, DateTimeOffset.UnixEpoch, "clean", "mt-t", "main", true, true, ["main"], []).Write(_scratch.Path);
        JsonObject note = JsonNode.Parse(File.ReadAllText(UseNote.PathIn(_scratch.Path)))!.AsObject();
        note.Remove(name);
        File.WriteAllText(UseNote.PathIn(_scratch.Path), note.ToJsonString());
        Assert.Equal(UndoErrors.UseNoteInvalid, Assert.Throws<MomentException>(() => UseNote.Find(_scratch.Path)).ErrorId);
    }

    [Fact]
    public void NotesThatSayOneThingTwiceAreNone()
    {
        File.WriteAllText(UseNote.PathIn(_scratch.Path), """{"id":"a","id":"b"}""");
        Assert.Equal(UndoErrors.UseNoteInvalid, Assert.Throws<MomentException>(() => UseNote.Find(_scratch.Path)).ErrorId);
        File.WriteAllText(_scratch[$".mt-x{RestoreNote.Extension}"], """{"owner":[],"owner":[]}""");
        RestoreNote.Sweep(_scratch.Path, _ => true, new TestReport());
        Assert.True(File.Exists(_scratch[$".mt-x{RestoreNote.Extension}"]));
        Directory.CreateDirectory(_scratch["groups"]);
        File.WriteAllText(_scratch["groups/g.json"], """{"j":{},"j":{}}""");
        Assert.Equal(MomentErrors.JournalUnreadable, Assert.Throws<MomentException>(() => GroupDecision.Find(_scratch.Path, "g", "j")).ErrorId);
    }

    private IReadOnlyList<JournalEntry> Pending(params string[] lines)
    {
        Directory.CreateDirectory(_scratch["journal"]);
        File.WriteAllText(_scratch["journal/x.jsonl"], string.Concat(lines.Select(line => line + "\n")));
        return Journal.Pending(_scratch.Path);
    }

    private static byte[] Without(string property)
    {
        JsonNode manifest = JsonNode.Parse(Encoding.UTF8.GetString(BackupManifestFile.ToBytes(SampleManifest.Of(1))))!;
        manifest.AsObject().Remove(property);
        foreach (JsonNode? disk in manifest["Disks"]!.AsArray())
            disk!.AsObject().Remove(property);
        return ManifestTarget.Signed(manifest.ToJsonString());
    }
}
