using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>
/// Thousands of random documents: we take what libvirt's schema takes and refuse what it refuses, but for the
/// exceptions that are named here, and all that we write is valid.
/// </summary>
public sealed partial class LibvirtSchemaTests
{
    private const int Documents = 2000;

    // Refused by libvirt's code, or by a rule of ours, though the schema has no word for it.
    private static readonly Dictionary<string, Func<XElement, bool>> Stricter = new(StringComparer.Ordinal)
    {
        ["a name that no snapshot, or no checkpoint, may have"] = root => root.Elements("name").Concat(root.Elements("parent").Elements("name")).Any(name => (IsCheckpoint(root) ? MomentNames.CheckpointRule(name.Value) : MomentNames.SnapshotRule(name.Value)) is not null),
        ["a time that is no number of seconds up to the year 9999"] = root => root.Elements("creationTime").Any(time => !long.TryParse(time.Value.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) || seconds > 253_402_300_799),
        ["a disk named twice"] = root => root.Elements().Any(list => list.Elements("disk").Attributes("name").GroupBy(name => name.Value).Any(same => same.Count() > 1)),
        ["memory of a machine that was off"] = root => (string?)root.Element("state") is "shutoff" or "disk-snapshot" && root.Element("memory") is not null,
        ["a bitmap that is not the checkpoint's"] = root => root.Elements("disks").Elements("disk").Any(disk => disk.Attribute("bitmap") is { } bitmap && (bitmap.Value != (string?)root.Element("name") || disk.Attribute("checkpoint") is null)),
        ["blanks around a word of the schema"] = root => Texts(root).Any(text => text.Length != text.Trim().Length),
        ["a path of another system"] = root => Texts(root).Any(text => text.StartsWith("C:\\", StringComparison.Ordinal)),
        ["a number beyond 63 bits"] = root => Texts(root).Any(text => text == "9999999999999999999"),
    };

    // Taken, because libvirt's code reads or writes it, or because it is kept and never used.
    private static readonly Dictionary<string, Func<XElement, bool>> Looser = new(StringComparer.Ordinal)
    {
        ["what libvirt writes since 9.9 (in its schema from there on)"] = root => root.Descendants("revertDisks").Concat(root.Descendants("snapshotDeleteInProgress")).Any(),
        ["a state that libvirt's code knows beside the schema"] = root => (string?)root.Element("state") == "pmsuspended",
        ["blanks around a number or a UUID, which XML Schema ignores"] = root => Texts(root).Any(text => text.Length != text.Trim().Length && (ulong.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out _) || Guid.TryParse(text.Trim(), out _))),
        ["a target of a machine that libvirt did not start"] = root => root.Descendants("disk").Attributes("name").Any(name => DomainDisk.IsTarget(name.Value) && !LibvirtTarget().IsMatch(name.Value)),
        ["the format of a network source, which libvirt writes"] = root => root.Descendants("disk").Any(disk => (string?)disk.Attribute("type") == "network" && disk.Element("driver") is not null),
        ["the inside of a source, which is kept as it is"] = root => root.Descendants("source").Any(source => source.HasElements || (string?)source.Parent!.Attribute("type") == "network"),
    };

    [SkippableFact]
    public void CheckpointsAreJudgedAsBySchema() => Compare("domaincheckpoint.rng", maker => maker.Checkpoint(), text => CheckpointDocument.Parse(text, "it", XmlOrigin.User));

    [SkippableFact]
    public void SnapshotsAreJudgedAsBySchema() => Compare("domainsnapshot.rng", maker => maker.Snapshot(), text => SnapshotDocument.Parse(text, "it", XmlOrigin.User));

    private static void Compare(string schema, Func<RandomMoment, XElement> make, Func<string, MomentDocument> parse)
    {
        LibvirtSchema.Require(schema);
        var random = new Random(20261121);
        var maker = new RandomMoment(random);
        List<(XElement Root, string Text, string? Refusal, string? Written)> all = [];
        for (int i = 0; i < Documents; i++)
        {
            XElement root = make(maker);
            if (i % 3 != 0)
                maker.Mutate(root);
            string text = root.ToString(SaveOptions.DisableFormatting);
            (string? refusal, string? written) = Read(text, parse);
            all.Add((XElement.Parse(text, LoadOptions.PreserveWhitespace), text, refusal, written));
        }

        bool[] valid = LibvirtSchema.Validate(schema, [.. all.Select(one => one.Text)]);
        var used = new HashSet<string>(StringComparer.Ordinal);
        List<string> unexplained = [];
        for (int i = 0; i < all.Count; i++)
        {
            (XElement root, string text, string? refusal, _) = all[i];
            if (valid[i] != refusal is null)
                used.UnionWith(Excused(valid[i] ? Stricter : Looser, root, unexplained, $"{text}\nthe schema {(valid[i] ? "takes" : "refuses")} it, we {(refusal is null ? "take" : "refuse")} it: {refusal}"));
        }

        List<int> taken = [.. Enumerable.Range(0, all.Count).Where(i => all[i].Written is not null)];
        bool[] writtenValid = LibvirtSchema.Validate(schema, [.. taken.Select(i => all[i].Written!)]);
        foreach ((int i, bool isValid) in taken.Zip(writtenValid))
            if (!isValid)
                Excused(Looser, XElement.Parse(all[i].Written!, LoadOptions.None), unexplained, $"{all[i].Written}\nis what we wrote, and not valid");
        Assert.True(unexplained.Count == 0, string.Join("\n\n", unexplained.Take(8)));
        Assert.True(valid.Count(one => one) > Documents / 4 && valid.Count(one => !one) > Documents / 4, "the documents are nearly all of one sort");
        Assert.True(used.Count >= (schema.StartsWith("domains", StringComparison.Ordinal) ? 11 : 5), $"only these exceptions are of use: {string.Join("; ", used)}");
    }

    private static (string? Refusal, string? Written) Read(string text, Func<string, MomentDocument> parse)
    {
        try
        {
            string written = parse(text).ToXml(secure: true);
            Assert.Equal(written, parse(written).ToXml(secure: true));
            return (null, written);
        }
        catch (MomentException refusal)
        {
            Assert.Matches("^Cannot use the XML of it: line [0-9]+, <[^>]+>: .+", refusal.Message);
            return (refusal.Message, null);
        }
    }

    private static List<string> Excused(Dictionary<string, Func<XElement, bool>> exceptions, XElement root, List<string> unexplained, string difference)
    {
        List<string> matching = [.. exceptions.Where(exception => exception.Value(root)).Select(exception => exception.Key)];
        if (matching.Count == 0)
            unexplained.Add(difference);
        return matching;
    }

    private static bool IsCheckpoint(XElement root) => root.Name.LocalName == "domaincheckpoint";

    private static IEnumerable<string> Texts(XElement root) =>
        root.DescendantsAndSelf().Where(element => !element.HasElements).Select(element => element.Value).Concat(root.Descendants().Attributes().Select(attribute => attribute.Value));

    [GeneratedRegex("^(ioemu:)?(fd|hd|sd|vd|xvd|ubd)[a-zA-Z0-9_]+$", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex LibvirtTarget();
}
