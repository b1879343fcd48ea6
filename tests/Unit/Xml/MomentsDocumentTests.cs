using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class MomentsDocumentTests
{
    [Fact]
    public void AllMomentsAreReadAndWrittenAlike()
    {
        string domain = SampleXml.Domain.Replace("</domain>", "", StringComparison.Ordinal);
        string text = $"{domain}<snapshots current='s 2'><domainsnapshot><name>s 1</name><state>running</state></domainsnapshot><domainsnapshot><name>s 2</name><parent><name>s 1</name></parent>{SampleXml.Domain}</domainsnapshot></snapshots><checkpoints><domaincheckpoint><name>s1</name>{SampleXml.Domain}</domaincheckpoint></checkpoints></domain>";
        MomentsDocument read = MomentsDocument.Parse(text, "it");
        Assert.Equal(("web1", "s 2", null), (read.Domain.Name, read.CurrentSnapshot, read.CurrentCheckpoint));
        Assert.Equal(["s 1", "s 2"], read.Snapshots.Select(moment => moment.Name!));
        Assert.Equal("web1", Assert.Single(read.Checkpoints).Domain!.Name);
        Assert.Equal(DomainDocument.Parse(SampleXml.Domain, "it").ToXml(secure: true), read.Domain.ToXml(secure: true));
        Assert.Equal(read.ToXml(secure: true), MomentsDocument.Parse(read.ToXml(secure: true), "it").ToXml(secure: true));
        Assert.DoesNotContain("hidden", read.ToXml(), StringComparison.Ordinal);
        Assert.Null(MomentsDocument.Parse(read.ToXml(includeDomain: false), "it").Snapshots[1].Domain);
    }

    [Fact]
    public void ADomainWithoutMomentsHasNone()
    {
        MomentsDocument read = MomentsDocument.Parse(SampleXml.Domain, "it");
        Assert.Equal((0, 0), (read.Snapshots.Count, read.Checkpoints.Count));
        Assert.Equal(DomainDocument.Parse(SampleXml.Domain, "it").ToXml(), read.ToXml());
    }

    [Fact]
    public void ThousandsOfMomentsAreReadQuickly()
    {
        DomainDocument domain = DomainDocument.Parse(SampleXml.Domain, "it");
        var all = new MomentsDocument(domain, [.. Enumerable.Range(0, 3000).Select(i => new SnapshotDocument { Name = $"s{i}", Domain = domain })], "s7", [], null);
        Quick.Within(TimeSpan.FromSeconds(20), () =>
        {
            string text = all.ToXml();
            Assert.True(text.Length > XmlSource.MaxBytes);
            Assert.Equal(3000, MomentsDocument.Parse(text, "it").Snapshots.Count);
        });
    }

    [Theory]
    [InlineData("<domainsnapshot/>", "root element must be <domain>")]
    [InlineData("<domain type='kvm'><name>a</name><snapshots/><snapshots/></domain>", "only once")]
    [InlineData("<domain type='kvm'><name>a</name><snapshots x='1'/></domain>", "'x' is unknown")]
    [InlineData("<domain type='kvm'><name>a</name><snapshots><domaincheckpoint/></snapshots></domain>", "may have only <domainsnapshot>")]
    [InlineData("<domain type='kvm'><name>a</name><checkpoints><domaincheckpoint/></checkpoints></domain>", "needs a <name>")]
    [InlineData("<domain type='kvm'><name>a</name><snapshots current='b'><domainsnapshot><name>c</name></domainsnapshot></snapshots></domain>", "'b', which is not among <snapshots>")]
    [InlineData("<domain type='kvm'><name>a</name><checkpoints current=''/></domain>", "not among <checkpoints>")]
    [InlineData("<domain type='kvm'><name>a</name><snapshots>\n<domainsnapshot><name>c</name></domainsnapshot>\n<domainsnapshot><name>c</name></domainsnapshot></snapshots></domain>", "line 3, <domainsnapshot>: the name 'c' is there already")]
    [InlineData("<domain type='kvm'><name>a</name><snapshots><domainsnapshot><name>c</name><stat/></domainsnapshot></snapshots></domain>", "line 1, <stat>")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule)
    {
        var error = Assert.Throws<MomentException>(() => MomentsDocument.Parse(text, "the gift"));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheRootElementSaysTheKind()
    {
        Assert.IsType<SnapshotDocument>(MomentDocuments.Parse("<domainsnapshot/>", "it", XmlOrigin.User));
        Assert.IsType<CheckpointDocument>(MomentDocuments.Parse("<domaincheckpoint/>", "it", XmlOrigin.User));
        var error = Assert.Throws<MomentException>(() => MomentDocuments.Parse("<domainbackup/>", "the gift", XmlOrigin.User));
        Assert.Contains("the gift: line 1, <domainbackup>: the root element must be <domaincheckpoint> or <domainsnapshot>", error.Message, StringComparison.Ordinal);
    }
}
