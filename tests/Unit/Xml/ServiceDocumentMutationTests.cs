using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>Thousands of broken documents of block snapshots, block exports and backups: each is read or refused with an error of ours, quickly.</summary>
public sealed class ServiceDocumentMutationTests
{
    private const string Snapshot = "<domainblocksnapshot><name>tonight</name><disk name='vda' type='file'><scratch file='/s/a'/></disk><disk name='vdb'><fleece file='/s/b'/></disk><disk name='vdc'/></domainblocksnapshot>";

    private const string Export = "<domainblockexport type='nbd'><address type='ip' host='127.0.0.1' port='10809' autoport='no' tls='yes'/><disk name='vda' snapshot='tonight' checkpoint='monday' exportname='x' readonly='yes'/><disk name='vdb'/></domainblockexport>";

    private const string Backup = "<domainbackup mode='pull'><incremental>monday</incremental><disks><disk name='vda' backup='yes' type='file' backupmode='incremental' incremental='sunday'><driver type='qcow2'/><scratch file='/s/a'/></disk><disk name='vdb' backup='no'/><disk name='vdc' backupmode='full'/></disks></domainbackup>";

    [Theory]
    [InlineData(Snapshot)]
    [InlineData(Export)]
    [InlineData(Backup)]
    public void OnlyErrorsOfOursComeOut(string sample)
    {
        var random = new Random(20261121);
        int read = 0, refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            string text = XmlMutation.Of(sample, random);
            XmlOrigin origin = i % 2 == 0 ? XmlOrigin.User : XmlOrigin.Store;
            long start = Stopwatch.GetTimestamp();
            try
            {
                string written = Written(text, sample, origin);
                Assert.Equal(written, Written(written, sample, XmlOrigin.Store));
                read++;
            }
            catch (MomentException error)
            {
                Assert.Contains(" it", error.Message, StringComparison.Ordinal);
                Assert.True(error.Message.Length < 2000, error.Message);
                refused++;
            }

            Assert.True(Stopwatch.GetElapsedTime(start).TotalSeconds < 1, $"a document took {Stopwatch.GetElapsedTime(start)}: {text}");
        }

        Assert.True(read > 100 && refused > 100, $"read {read}, refused {refused}");
    }

    private static string Written(string text, string sample, XmlOrigin origin) => sample switch
    {
        Snapshot => BlockSnapshotDocument.Parse(text, "it", origin).ToXml(includeExtension: true),
        Export => BlockExportDocument.Parse(text, "it", origin).ToXml(includeExtension: true),
        _ => BackupDocument.Parse(text, "it").ToXml(),
    };
}
