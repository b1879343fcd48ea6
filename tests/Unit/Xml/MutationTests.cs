using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>Ten thousand broken documents: each is read or refused with an error of ours, quickly.</summary>
public sealed class MutationTests
{
    [Fact]
    public void OnlyErrorsOfOursComeOut()
    {
        string seed = $"<domaincheckpoint><name>c</name><description>d &amp; d</description><parent><name>p</name></parent><creationTime>1</creationTime><disks><disk name='vda' checkpoint='bitmap' bitmap='c' size='1'/></disks>{SampleXml.Domain}</domaincheckpoint>";
        var random = new Random(20261121);
        int read = 0;
        int refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            string text = XmlMutation.Of(seed, random);
            long start = Stopwatch.GetTimestamp();
            try
            {
                CheckpointDocument document = CheckpointDocument.Parse(text, "it", i % 2 == 0 ? XmlOrigin.User : XmlOrigin.Store);
                CheckpointDocument.Parse(document.ToXml(secure: true, includeExtension: true), "it", XmlOrigin.Store);
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

        Assert.True(read > 500 && refused > 500, $"read {read}, refused {refused}");
    }
}
