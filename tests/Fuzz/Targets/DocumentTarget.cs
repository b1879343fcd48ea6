using System.Runtime.InteropServices;
using System.Text;
using MomentTools.Errors;
using MomentTools.Tests.Machines;
using MomentTools.Tests.Support;
using MomentTools.Tests.Xml;
using MomentTools.Xml;

namespace MomentTools.Fuzz.Targets;

/// <summary>Every document that a user can give: what is read and written again is read as the same; xmllint has the same idea of what XML is.</summary>
internal sealed class DocumentTarget : IFuzzTarget
{
    private const int MostJudged = 400;

    private const string Snapshot = "<domainblocksnapshot><name>tonight</name><disk name='vda' type='file'><scratch file='/s/a'/></disk><disk name='vdb'><fleece file='/s/b'/></disk><disk name='vdc'/></domainblocksnapshot>";

    private const string Export = "<domainblockexport type='nbd'><address type='ip' host='127.0.0.1' port='10809' autoport='no' tls='yes'/><disk name='vda' snapshot='tonight' checkpoint='monday' exportname='x' readonly='yes'/><disk name='vdb'/></domainblockexport>";

    private const string Backup = "<domainbackup mode='pull'><incremental>monday</incremental><disks><disk name='vda' backup='yes' type='file' backupmode='incremental' incremental='sunday'><driver type='qcow2'/><scratch file='/s/a'/></disk><disk name='vdb' backup='no'/><disk name='vdc' backupmode='full'/></disks></domainbackup>";

    private static readonly string Checkpoint = $"<domaincheckpoint><name>c</name><description>d &amp; d</description><parent><name>p</name></parent><creationTime>1</creationTime><disks><disk name='vda' checkpoint='bitmap' bitmap='c' size='1'/></disks>{SampleXml.Domain}</domaincheckpoint>";

    private readonly ScratchDirectory _scratch = new();
    private readonly string[] _corpus = [SampleXml.Domain, LaunchSamples.Modern, LaunchSamples.Classic, Checkpoint, Snapshot, Export, Backup, .. OfLibvirt()];
    private readonly List<string> _accepted = [];
    private readonly List<string> _malformed = [];

    public string Name => "xml";

    public int Inputs => 3000;

    public long MostBytes => 8 << 20;

    public FuzzInput Make(Random random)
    {
        var moments = new RandomMoment(random);
        string sound = random.Next(4) switch
        {
            0 => moments.Checkpoint().ToString(),
            1 => moments.Snapshot().ToString(),
            2 => SampleXml.Domain.Replace("</domain>", $"<checkpoints>{moments.Checkpoint()}{moments.Checkpoint()}</checkpoints><snapshots>{moments.Snapshot()}</snapshots></domain>", StringComparison.Ordinal),
            _ => _corpus[random.Next(_corpus.Length)],
        };
        // As UTF-16: half a character can be in a text, and not in a file.
        return new FuzzInput(MemoryMarshal.AsBytes($"{random.Next(2)}{XmlDamage.Of(sound, random)}".AsSpan()).ToArray());
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        string text = MemoryMarshal.Cast<byte, char>(input.Whole)[1..].ToString();
        try
        {
            string written = Written(text, input.Whole[0] == '0' ? XmlOrigin.User : XmlOrigin.Store);
            string again = Written(written, XmlOrigin.Store);
            FuzzFailure.When(written != again, $"written\n{written}\nand read again\n{again}");
        }
        catch (MomentException refusal)
        {
            if (refusal.ErrorId == XmlErrors.XmlMalformed)
                Keep(_malformed, text);
            // Messages say which document: a user may give many.
            FuzzFailure.When(!$" {refusal.Message} ".Contains(" it", StringComparison.Ordinal), $"the message does not name its document: {refusal.Message}");
            throw;
        }

        Keep(_accepted, text);
        return Task.FromResult(true);
    }

    public IReadOnlyList<string> Judge()
    {
        if (!FuzzTool.Has("xmllint"))
            return [];
        HashSet<int> good = Sound(_accepted), bad = Sound(_malformed);
        return
        [
            .. _accepted.Index().Where(one => !good.Contains(one.Index)).Select(one => $"xmllint refuses what was accepted:\n{one.Item}"),
            .. _malformed.Index().Where(one => bad.Contains(one.Index)).Select(one => $"xmllint accepts what was refused as malformed:\n{one.Item}"),
        ];
    }

    public void Dispose() => _scratch.Dispose();

    // What the documents of libvirt's own test driver look like, where libvirt is.
    private static IEnumerable<string> OfLibvirt() =>
        FuzzTool.Has("virsh") && FuzzTool.TryRun("virsh", "-c", "test:///default", "dumpxml", "test") is (0, string text, _) ? [text] : [];

    private static void Keep(List<string> texts, string text)
    {
        if (texts.Count < MostJudged && Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) == text)
            texts.Add(text);
    }

    // A document's kind is what its first tag says; what has none is tried as one of a domain.
    private static string Written(string text, XmlOrigin origin) => Root(text) switch
    {
        "domaincheckpoint" => CheckpointDocument.Parse(text, "it", origin).ToXml(secure: true, includeExtension: true),
        "domainsnapshot" => SnapshotDocument.Parse(text, "it", origin).ToXml(secure: true, includeExtension: true),
        "domainblocksnapshot" => BlockSnapshotDocument.Parse(text, "it", origin).ToXml(includeExtension: true),
        "domainblockexport" => BlockExportDocument.Parse(text, "it", origin).ToXml(includeExtension: true),
        "domainbackup" => BackupDocument.Parse(text, "it").ToXml(),
        _ when text.Contains("<checkpoints", StringComparison.Ordinal) => MomentsDocument.Parse(text, "it").ToXml(secure: true),
        _ => DomainDocument.Parse(text, "it").ToXml(secure: true),
    };

    private static string Root(string text)
    {
        int open = text.AsSpan().TrimStart().StartsWith("<?", StringComparison.Ordinal) ? Math.Max(0, text.IndexOf("?>", StringComparison.Ordinal)) : 0;
        int at = text.IndexOf('<', open) + 1, end = at;
        while (end < text.Length && char.IsAsciiLetter(text[end]))
            end++;
        return text[at..end];
    }

    // The numbers of those that xmllint reads: it prints a line for everything that is wrong, with the file's name in front.
    private HashSet<int> Sound(List<string> texts)
    {
        if (texts.Count == 0)
            return [];
        string[] paths = [.. texts.Select((text, index) =>
        {
            File.WriteAllText(_scratch[$"{index}.xml"], text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            return _scratch[$"{index}.xml"];
        })];
        string errors = FuzzTool.TryRun("xmllint", ["--noout", "--nonet", .. paths]).Error;
        return [.. paths.Index().Where(one => !errors.Contains($"{one.Item}:", StringComparison.Ordinal)).Select(one => one.Index)];
    }
}
