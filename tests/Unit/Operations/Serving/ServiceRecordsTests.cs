using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>The records of block snapshots and block exports: row E1.</summary>
public sealed class ServiceRecordsTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private ServiceRecords Records => new(_scratch.Path);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void ABlockSnapshotReadsBackEqual() => Prop.ForAll(SampleRecords.Snapshots.ToArbitrary(), record =>
    {
        (string path, string content) = ServiceRecords.FileOf(record);
        Assert.Equal($"blocksnapshots/{record.Name}.xml", path);
        BlockSnapshotRecord read = BlockSnapshotRecordXml.Parse(content, "it");
        Assert.Equal(record.Disks, read.Disks);
        Assert.Equal(record with { Disks = [] }, read with { Disks = [] });
        // The document that a user gets of it is one that a user can give.
        Assert.Equal(record.Name, BlockSnapshotDocument.Parse(BlockSnapshotRecordXml.DocumentOf(record).ToXml(), "it").Name);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void ABlockExportReadsBackEqual() => Prop.ForAll(SampleRecords.Exports.ToArbitrary(), record =>
    {
        (string path, string content) = ServiceRecords.FileOf(record);
        Assert.Equal($"blockexports/{record.Id}.xml", path);
        BlockExportRecord read = BlockExportRecordXml.Parse(content, "it");
        Assert.Equal(record.Disks, read.Disks);
        Assert.Equal(record with { Disks = [] }, read with { Disks = [] });
        Assert.Equal(record.Address, BlockExportDocument.Parse(BlockExportRecordXml.DocumentOf(record).ToXml(), "it").Address!.ToString());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void ADomainWithoutRecordsHasNone()
    {
        Assert.False(Records.Any);
        Assert.Empty(Records.Snapshots(Fail));
        Assert.Empty(Records.Exports(Fail));
        Assert.Empty(Records.SnapshotNames);
    }

    [Fact]
    public void RecordsAreListedByNameAndByAge()
    {
        Save(SampleRecords.Snapshot("b", "2"));
        Save(SampleRecords.Snapshot("a", "1"));
        Save(SampleRecords.Export("9", DateTimeOffset.UnixEpoch));
        Save(SampleRecords.Export("8"));
        File.WriteAllText(_scratch["blocksnapshots/notes.txt"], "x");
        Assert.True(Records.Any);
        Assert.Equal(["a", "b"], Records.Snapshots(Fail).Select(record => record.Name));
        Assert.Equal(["9", "8"], Records.Exports(Fail).Select(record => record.Id));
        Assert.Equal(["a", "b"], Records.SnapshotNames.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<domainblocksnapshot><name>b</name>")]
    [InlineData("<domainblocksnapshot><name>b</name><disk name='vda'/></domainblocksnapshot>")]
    [InlineData("<domaincheckpoint><name>b</name></domaincheckpoint>")]
    [InlineData("<!DOCTYPE x [<!ENTITY a 'b'>]><domainblocksnapshot><name>&a;</name></domainblocksnapshot>")]
    public void ABrokenRecordIsToldAndCostsOnlyItself(string content)
    {
        Save(SampleRecords.Snapshot("a", "1"));
        Save(SampleRecords.Snapshot("c", "3"));
        File.WriteAllText(_scratch["blocksnapshots/b.xml"], content);
        AssertOneIsLost("blocksnapshots/b.xml");
        Assert.True(Records.Any);
    }

    [Fact]
    public void EveryTruncationIsTold()
    {
        (string path, string content) = Save(SampleRecords.Snapshot("a", "1"));
        Save(SampleRecords.Snapshot("c", "3"));
        for (int length = content.LastIndexOf('>') - 1; length >= 0; length--)
        {
            File.WriteAllText(_scratch[path], content[..length]);
            List<MomentException> broken = [];
            Assert.Equal(["c"], Records.Snapshots(broken.Add).Select(record => record.Name));
            Assert.Equal(ServingErrors.ServiceRecordInvalid, Assert.Single(broken).ErrorId);
        }
    }

    [Theory]
    [InlineData("id=\"1\"", "id=\"../1\"")]
    [InlineData("id=\"1\"", "")]
    [InlineData("owner=\"machine\"", "owner=\"me\"")]
    [InlineData("owner=\"machine\"", "owner=\"session\"")]
    [InlineData("owner=\"machine\"", "owner=\"session\" process=\"0\" started=\"1\"")]
    [InlineData("owner=\"machine\"", "owner=\"session\" process=\"99999999999\" started=\"1\"")]
    [InlineData("owner=\"machine\"", "owner=\"machine\" process=\"1\" started=\"1\"")]
    [InlineData("owner=\"machine\"", "owner=\"export\"")]
    [InlineData("owner=\"machine\"", "owner=\"export\" export=\"a/b\"")]
    [InlineData("owner=\"machine\"", "owner=\"machine\" expires=\"tomorrow\"")]
    [InlineData("created=", "created=\"x\" was=")]
    [InlineData("checkpoint=\"monday\"", "checkpoint=\"a b\"")]
    [InlineData("number=\"0\"", "number=\"10000\"")]
    [InlineData("number=\"0\"", "number=\"-1\"")]
    [InlineData("node=\"d0\"", "")]
    [InlineData("node=\"d0\"", "node=\"d&#10;0\"")]
    [InlineData("size=\"1048576\"", "size=\"-1\"")]
    [InlineData("size=\"1048576\"", "size=\"9223372036854775808\"")]
    [InlineData("method=\"copy-before-write\"", "method=\"magic\"")]
    [InlineData("method=\"copy-before-write\"", "method=\"image\"")]
    [InlineData("scratch-device=\"5\"", "")]
    [InlineData("scratch-inode=\"7\"", "scratch-inode=\"18446744073709551616\"")]
    [InlineData("scratch-limit=\"4096\"", "scratch-limit=\"0\"")]
    [InlineData("file=\"/s/vda\"", "file=\"s/vda\"")]
    [InlineData("<name>a</name>", "<name>b</name>")]
    [InlineData("<name>a</name>", "")]
    [InlineData("<disk name=\"vda\" type", "<disk name=\"vdb\" type")]
    [InlineData("copy=\"mt-bs-1\"", "copy-sidecar=\"../../x\"")]
    [InlineData("copy=\"mt-bs-1\"", "surprise=\"1\"")]
    public void EveryNumberPathAndNameOfABlockSnapshotIsChecked(string what, string with)
    {
        (string path, string content) = Save(SampleRecords.Snapshot("a", "1"));
        Assert.Contains(what, content, StringComparison.Ordinal);
        File.WriteAllText(_scratch[path], content.Replace(what, with, StringComparison.Ordinal));
        List<MomentException> broken = [];
        Assert.Empty(Records.Snapshots(broken.Add));
        Assert.Contains(path, Assert.Single(broken).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tls=\"x509\"", "")]
    [InlineData("tls=\"x509\"", "tls=\"rot13\"")]
    [InlineData("host=\"127.0.0.1\"", "host=\"a b\"")]
    [InlineData("port=\"10809\"", "port=\"65536\"")]
    [InlineData("process=\"4711\"", "process=\"0\"")]
    [InlineData("started=\"99\"", "started=\"now\"")]
    [InlineData("socket=\"/run/r/qmp\"", "socket=\"qmp\"")]
    [InlineData("exportname=\"vda-tonight\"", "")]
    [InlineData("size=\"1048576\"", "size=\"x\"")]
    [InlineData("number=\"0\"", "number=\"\"")]
    [InlineData("id=\"1\"", "id=\"2\"")]
    [InlineData("id=\"1\"", "id=\"1\" repository=\"backup\"")]
    [InlineData("id=\"1\"", "id=\"1\" private=\"maybe\"")]
    [InlineData("<address ", "<disk name=\"vdb\" exportname=\"b\"/><address ")]
    [InlineData("relay ", "relais ")]
    public void EveryNumberPathAndNameOfABlockExportIsChecked(string what, string with)
    {
        (string path, string content) = Save(SampleRecords.Export("1"));
        Assert.Contains(what, content, StringComparison.Ordinal);
        File.WriteAllText(_scratch[path], content.Replace(what, with, StringComparison.Ordinal));
        List<MomentException> broken = [];
        Assert.Empty(Records.Exports(broken.Add));
        Assert.Equal(ServingErrors.ServiceRecordInvalid, Assert.Single(broken).ErrorId);
    }

    [Fact]
    public void ACopyOfARecordIsNotASecondOne()
    {
        (_, string content) = Save(SampleRecords.Snapshot("a", "1"));
        Save(SampleRecords.Snapshot("c", "3"));
        // Its name is corrected, but what it would take down is that of the first one.
        File.WriteAllText(_scratch["blocksnapshots/b.xml"], content.Replace("<name>a</name>", "<name>b</name>", StringComparison.Ordinal));
        AssertOneIsLost("blocksnapshots/b.xml");
    }

    [Fact]
    public void AnOversizedRecordIsNotRead()
    {
        Save(SampleRecords.Snapshot("a", "1"));
        Save(SampleRecords.Snapshot("c", "3"));
        using (FileStream file = File.OpenWrite(_scratch["blocksnapshots/b.xml"]))
            file.SetLength(1L << 40);
        AssertOneIsLost("blocksnapshots/b.xml");
    }

    [Fact]
    public void ADirectoryInPlaceOfARecordIsTold()
    {
        Save(SampleRecords.Snapshot("a", "1"));
        Save(SampleRecords.Snapshot("c", "3"));
        Directory.CreateDirectory(_scratch["blocksnapshots/b.xml"]);
        AssertOneIsLost("blocksnapshots/b.xml");
    }

    [Theory]
    [InlineData("/s/a\nb")]
    [InlineData("relative")]
    public void WhatCouldNotBeReadAgainIsNotWritten(string scratch)
    {
        BlockSnapshotRecord record = SampleRecords.Snapshot("a", "1");
        Assert.Throws<MomentException>(() => ServiceRecords.FileOf(record with { Disks = [record.Disks[0] with { ScratchPath = scratch }] }));
    }

    [Fact]
    public void ADoubtOfManyLinesIsWrittenInOne()
    {
        BlockSnapshotRecord record = SampleRecords.Snapshot("a", "1");
        string content = ServiceRecords.FileOf(record with { Disks = [record.Disks[0] with { Doubt = "one\ntwo" + new string('x', 10_000) }] }).Content;
        Assert.StartsWith("one two", BlockSnapshotRecordXml.Parse(content, "it").Disks[0].Doubt, StringComparison.Ordinal);
    }

    private void AssertOneIsLost(string path)
    {
        List<MomentException> broken = [];
        Assert.Equal(["a", "c"], Records.Snapshots(broken.Add).Select(record => record.Name));
        MomentException told = Assert.Single(broken);
        Assert.Equal(ServingErrors.ServiceRecordInvalid, told.ErrorId);
        Assert.Contains(_scratch[path], told.Message, StringComparison.Ordinal);
    }

    private (string Path, string Content) Save(BlockSnapshotRecord record) => Save(ServiceRecords.FileOf(record));

    private (string Path, string Content) Save(BlockExportRecord record) => Save(ServiceRecords.FileOf(record));

    private (string Path, string Content) Save((string Path, string Content) file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_scratch[file.Path])!);
        File.WriteAllText(_scratch[file.Path], file.Content);
        return file;
    }

    private static void Fail(MomentException told) => Assert.Fail(told.Message);
}
