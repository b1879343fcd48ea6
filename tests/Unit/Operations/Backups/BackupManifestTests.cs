using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupManifestTests
{
    [Fact]
    public void WhatIsWrittenIsReadAgain()
    {
        BackupManifest written = SampleManifest.Of(5);
        byte[] bytes = BackupManifestFile.ToBytes(written);
        BackupManifest read = BackupManifestFile.Parse(bytes, "m");
        Assert.Equal(JsonSerializer.Serialize(written with { Checksum = read.Checksum }), JsonSerializer.Serialize(read));
        Assert.Equal(bytes, BackupManifestFile.ToBytes(read));
        Assert.Equal(SampleManifest.Disk("vdb", 77).ChunkHashes, read.Disks[1].ChunkHashes);
    }

    [Fact]
    public void ItsResultSaysWhatTheBackupIs()
    {
        BackupManifest manifest = SampleManifest.Of(5) with { Directory = "/repo/web1/" + SampleManifest.Id(5), Parent = SampleManifest.Id(4) };
        VMBackup result = new BackupRelations([manifest]).ToResult(manifest, "/repo");
        Assert.Equal((SampleManifest.Id(5), SampleManifest.Id(4), VMBackupKind.Incremental, "monday", "/repo"), (result.Id, result.Parent, result.Kind, result.Checkpoint, result.Repository));
        Assert.Equal(2 * ((4 << 20) + 1), result.Size);
        Assert.Equal($"/repo/web1/{SampleManifest.Id(5)}/vdb.qcow2", result.Disks[1].Path);
        Assert.Equal(VMBackupKind.Full, SampleManifest.Of(5, SampleManifest.Disk("vda")).Kind);
    }

    [Theory]
    [InlineData("2")]
    [InlineData("0")]
    public void AnotherFormatIsRefusedWhateverElseItHolds(string format) =>
        Refused($$"""{"Format": {{format}}, "New": true}""", BackupErrors.BackupFormatUnknown);

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"Format": "1"}""")]
    [InlineData("""{"Format": 1}""")]
    [InlineData("""{"Format": 1, "Format": 1}""")]
    [InlineData("""{"Format": 1, "Id": "\ud800"}""")]
    public void WhatIsNoManifestIsRefused(string text) => Refused(text, BackupErrors.BackupManifestBroken);

    [Theory]
    [InlineData("Id", "\"../../etc\"")]
    [InlineData("Id", "null")]
    [InlineData("Parent", "\"20260106T000000Z-0000\"")]
    [InlineData("Vm", "\"../web1\"")]
    [InlineData("Uuid", "\"00000000-0000-0000-0000-000000000000\"")]
    [InlineData("Uuid", "7")]
    [InlineData("Created", "\"yesterday\"")]
    [InlineData("Checkpoint", "\"a b\"")]
    [InlineData("Host", "null")]
    [InlineData("DomainHash", "\"\"")]
    [InlineData("Disks", "[]")]
    [InlineData("Disks", "[null]")]
    [InlineData("Disks", "null")]
    [InlineData("Extra", "1")]
    public void AFieldThatBreaksItsRuleIsRefused(string field, string value) =>
        Refused(Sealed(root => root[field] = JsonNode.Parse(value)), BackupErrors.BackupManifestBroken);

    [Theory]
    [InlineData("Name", "\"../vda\"")]
    [InlineData("Name", "\"vdb\"")]
    [InlineData("File", "\"../20260101T000000Z-0000/vda.qcow2\"")]
    [InlineData("File", "\"/etc/passwd\"")]
    [InlineData("File", "\"manifest.json\"")]
    [InlineData("Kind", "\"Automatic\"")]
    [InlineData("Kind", "\"Incremental\"")]
    [InlineData("Kind", "7")]
    [InlineData("ParentId", "\"20260101T000000Z-0000\"")]
    [InlineData("VirtualSize", "-1")]
    [InlineData("VirtualSize", "9223372036854775808")]
    [InlineData("FileSize", "4194304")]
    [InlineData("FileSize", "9223372036854775807")]
    [InlineData("CopiedBytes", "-1")]
    [InlineData("PointId", "\"\"")]
    [InlineData("HashAlgorithm", "\"MD5\"")]
    [InlineData("HashChunkSize", "0")]
    [InlineData("HashChunkSize", "4194305")]
    [InlineData("Hash", "\"aa\"")]
    [InlineData("ChunkHashes", "[null, null]")]
    [InlineData("ChunkHashes", "[]")]
    public void AFieldOfADiskThatBreaksItsRuleIsRefused(string field, string value) =>
        Refused(Sealed(root => root["Disks"]![0]![field] = JsonNode.Parse(value)), BackupErrors.BackupManifestBroken);

    [Fact]
    public void AnEditThatBreaksNoRuleIsFoundByTheChecksum()
    {
        string text = Encoding.UTF8.GetString(BackupManifestFile.ToBytes(SampleManifest.Of(5)));
        foreach (string edited in (string[])[text.Replace("\"web1\"", "\"web2\"", StringComparison.Ordinal), text.Replace("\n", " \n", StringComparison.Ordinal), text + "\n"])
            Assert.Contains("checksum", Refused(edited, BackupErrors.BackupManifestBroken).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AManifestLargerThanMayBeReadIsNotWritten()
    {
        string[] chunks = [.. Enumerable.Repeat(new string('a', 64), 1_000_000)];
        BackupManifest manifest = SampleManifest.Of(1, SampleManifest.Disk("vda") with { ChunkHashes = chunks, FileSize = chunks.LongLength << 22 });
        Assert.Equal(BackupErrors.BackupManifestTooLarge, Assert.Throws<MomentException>(() => BackupManifestFile.ToBytes(manifest)).ErrorId);
    }

    [Fact]
    public void AnOversizedFileIsRefusedUnread()
    {
        using var scratch = new ScratchDirectory();
        string directory = scratch[SampleManifest.Id(1)];
        Directory.CreateDirectory(directory);
        using (FileStream file = File.Create(Path.Combine(directory, BackupManifest.FileName)))
            file.SetLength(BackupManifestFile.MaxBytes + 1L);
        Assert.Equal(BackupErrors.BackupManifestBroken, Assert.Throws<MomentException>(() => BackupManifestFile.Read(directory)).ErrorId);
    }

    /// <summary>Broken in one to three places, with a right checksum every other time so that the rules are reached.</summary>
    [Fact]
    public void BrokenManifestsRaiseOnlyOurError()
    {
        string seed = Encoding.UTF8.GetString(BackupManifestFile.ToBytes(SampleManifest.Of(5)));
        string[] spare = ["null", "-1", "9999999999999999999", "1e400", "\"\"", "{", "]", "\\ud800", "\"Format\": 1,", "../", "\0", "é"];
        int accepted = 0, refused = 0;
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), number =>
        {
            var random = new Random(number);
            var text = new StringBuilder(seed);
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                int at = random.Next(text.Length);
                int length = Math.Min(random.Next(1, 20), text.Length - at);
                _ = random.Next(4) switch
                {
                    0 => text.Remove(at, length),
                    1 => text.Insert(at, spare[random.Next(spare.Length)]),
                    2 => text.Replace(text[at], (char)random.Next(32, 127), at, 1),
                    _ => text.Insert(random.Next(text.Length), text.ToString(at, length)),
                };
            }

            try
            {
                BackupManifestFile.Parse(number % 2 == 0 ? Seal(text.ToString()) : Encoding.UTF8.GetBytes(text.ToString()), "m");
                accepted++;
            }
            catch (MomentException failure) when (failure.ErrorId == BackupErrors.BackupManifestBroken || failure.ErrorId == BackupErrors.BackupFormatUnknown)
            {
                refused++;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
        Assert.True(refused > 1500 && accepted > 0, $"{accepted} accepted, {refused} refused");
    }

    private static MomentException Refused(string text, ErrorId id) => Refused(Encoding.UTF8.GetBytes(text), id);

    private static MomentException Refused(byte[] bytes, ErrorId id)
    {
        MomentException failure = Assert.Throws<MomentException>(() => BackupManifestFile.Parse(bytes, "/r/web1/x/manifest.json"));
        Assert.True(id == failure.ErrorId, failure.ToString());
        Assert.Contains("/r/web1/x/manifest.json", failure.Message, StringComparison.Ordinal);
        return failure;
    }

    private static byte[] Sealed(Action<JsonNode> change)
    {
        JsonNode root = JsonNode.Parse(BackupManifestFile.ToBytes(SampleManifest.Of(5)))!;
        change(root);
        // The checksum has to be the last.
        JsonNode checksum = root["Checksum"]!.DeepClone();
        root.AsObject().Remove("Checksum");
        root["Checksum"] = checksum;
        return Seal(root.ToJsonString());
    }

    // Gives a text the checksum that it would have if we had written it.
    private static byte[] Seal(string text)
    {
        const string key = "\"Checksum\"";
        int at = text.LastIndexOf(key, StringComparison.Ordinal);
        int digits = at < 0 ? -1 : text.IndexOf('"', at + key.Length) + 1;
        if (digits <= 0 || digits + 64 > text.Length)
            return Encoding.UTF8.GetBytes(text);
        string zeroed = text[..digits] + new string('0', 64) + text[(digits + 64)..];
        string checksum = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(zeroed)));
        return Encoding.UTF8.GetBytes(text[..digits] + checksum + text[(digits + 64)..]);
    }
}
