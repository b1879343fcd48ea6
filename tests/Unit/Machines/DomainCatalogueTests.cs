using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

public sealed class DomainCatalogueTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private DomainCatalogue Catalogue => new(_scratch["state"], _scratch["run"]);

    [Fact]
    public void WithoutADirectoryThereIsNoDomain()
    {
        Assert.Empty(Catalogue.Names());
        Assert.Empty(Catalogue.Find("*"));
        Assert.Contains("Register-VMDomain", Fails(MachineErrors.VMNotFound, () => Catalogue.Find("web1")).Advice, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["state"]));
    }

    [Fact]
    public void WhatIsAddedIsFoundWithItsSecrets()
    {
        DomainDocument domain = Small("web, 1", Guid.NewGuid(), "<devices><graphics type='vnc' passwd='secret'/></devices>");
        DomainPlace place = Catalogue.Add(domain);
        Assert.Equal(place, Catalogue.Place("web, 1"));
        Assert.Equal(["web, 1"], Catalogue.Names());
        Assert.Contains("secret", Catalogue.Load(place).ToXml(secure: true), StringComparison.Ordinal);
        Assert.Equal("700", Tool.Run("stat", "-c", "%a", place.StateDirectory).Trim());
        Assert.Equal(8, Path.GetFileName(place.RuntimeDirectory).Length);
    }

    [Fact]
    public void NeitherNameNorUuidIsTakenTwice()
    {
        var uuid = Guid.NewGuid();
        Catalogue.Add(Small("a", uuid));
        Assert.Contains("'a' has the same UUID", Fails(MachineErrors.VMExists, () => Catalogue.Add(Small("b", uuid))).Message, StringComparison.Ordinal);
        Fails(MachineErrors.VMExists, () => Catalogue.Add(Small("a", Guid.NewGuid())));
        Assert.Equal(["a"], Catalogue.Names());
    }

    [Fact]
    public void OfManyWhoAddTheSameNameAtOnceOneSucceeds()
    {
        int added = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            try
            {
                Catalogue.Add(Small("a", Guid.NewGuid()));
                Interlocked.Increment(ref added);
            }
            catch (MomentException taken) when (taken.ErrorId == MachineErrors.VMExists)
            {
            }
        });
        Assert.Equal(1, added);
        Assert.Equal(["a"], Directory.EnumerateFileSystemEntries(_scratch["state/domains"]).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("web*", "web1,web2")]
    [InlineData("WEB[12]", "web1,web2")]
    [InlineData("db", "db")]
    [InlineData("a[1]", "a[1]")]
    [InlineData("nothing*", "")]
    public void PatternsFind(string pattern, string expected)
    {
        foreach (string name in (string[])["web1", "web2", "db", "a[1]"])
            Catalogue.Add(Small(name, Guid.NewGuid()));
        Assert.Equal(expected, string.Join(',', Catalogue.Find(pattern)));
    }

    [Fact]
    public void AWrongNameNamesTheNearOnes()
    {
        Catalogue.Add(Small("web1", Guid.NewGuid()));
        Assert.Contains("web1", Fails(MachineErrors.VMNotFound, () => Catalogue.Place("web")).Advice, StringComparison.Ordinal);
        Fails(MachineErrors.VMNotFound, () => Catalogue.Place("../domains/web1"));
        Fails(MachineErrors.VMNotFound, () => Catalogue.Place(""));
    }

    [Fact]
    public void ABrokenDocumentCostsItsDomainOnly()
    {
        DomainPlace broken = Catalogue.Add(Small("broken", Guid.NewGuid()));
        Catalogue.Add(Small("good", Guid.NewGuid()));
        File.WriteAllText(Path.Combine(broken.StateDirectory, "domain.xml"), "<domain");
        Assert.Equal(["broken", "good"], Catalogue.Find("*"));
        Assert.Equal("good", Catalogue.Load(Catalogue.Place("good")).Name);
        Fails(XmlErrors.XmlMalformed, () => Catalogue.Place("broken"));
        Catalogue.Add(Small("third", Guid.NewGuid()));
        File.WriteAllText(Path.Combine(broken.StateDirectory, "domain.xml"), Catalogue.Load(Catalogue.Place("good")).ToXml());
        Fails(MachineErrors.VMDocumentMismatch, () => Catalogue.Place("broken"));
    }

    [Fact]
    public void TheDirectorysNameIsTheTruth()
    {
        DomainPlace place = Catalogue.Add(Small("a", Guid.NewGuid()));
        string path = Path.Combine(place.StateDirectory, "domain.xml");
        File.WriteAllText(path, File.ReadAllText(path).Replace("<name>a</name>", "<name>older</name>", StringComparison.Ordinal));
        Assert.Equal("a", Catalogue.Load(Catalogue.Place("a")).Name);
        Assert.Contains("older", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal("a", Catalogue.Settle("a").Domain.Name);
        Assert.DoesNotContain("older", File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void SavedAndRemovedIsDurable()
    {
        DomainPlace place = Catalogue.Add(Small("a", Guid.NewGuid()));
        Directory.CreateDirectory(place.RuntimeDirectory);
        Directory.CreateDirectory(Path.Combine(place.StateDirectory, "checkpoints"));
        Catalogue.Save(place, Catalogue.Load(place).WithMonitor("/x"));
        Assert.Equal("/x", Catalogue.Load(place).Monitor);
        Catalogue.Remove(place);
        Assert.Empty(Catalogue.Names());
        Assert.Empty(Directory.EnumerateFileSystemEntries(_scratch["state/domains"]));
        Assert.False(Directory.Exists(place.RuntimeDirectory));
        Fails(FileErrors.FileMissing, () => Catalogue.Remove(place));
    }

    public void Dispose() => _scratch.Dispose();

    private static DomainDocument Small(string name, Guid uuid, string rest = "") =>
        DomainDocument.Parse($"<domain type='qemu'><name>{name}</name><uuid>{uuid:D}</uuid><memory>1</memory>{rest}</domain>", "it");

    private static MomentException Fails(ErrorId id, Action act)
    {
        MomentException failure = Assert.Throws<MomentException>(act);
        Assert.Equal(id, failure.ErrorId);
        return failure;
    }
}
