using System.Xml;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>All that one import was given, read and checked by the rules that hold for each document alone.</summary>
/// <param name="Documents">In the order given; files of a directory by name.</param>
/// <param name="Domains">The definitions around whole trees.</param>
/// <param name="Current">What whole trees say is current; a checkpoint and a snapshot may both be.</param>
internal sealed record ImportSet(IReadOnlyList<ImportedDocument> Documents, IReadOnlyList<DomainDocument> Domains, IReadOnlyList<MomentKey> Current)
{
    // In characters, of up to four bytes each: what is added in the store must have its place too.
    private const int LargestMoment = XmlSource.MaxBytes / 5;

    public static ImportSet Read(ImportMomentsRequest request, CancellationToken cancellation)
    {
        string[] files = [.. request.Paths.SelectMany(Files)];
        // Thousands of files are read on all processors; the first broken one in order is the one that is told.
        (ImportSet? Set, MomentException? Failure)[] read =
        [
            .. files.AsParallel().AsOrdered().WithCancellation(cancellation).Select(path => Caught(() => Read(XmlSource.ReadFile(path, MomentsDocument.MaxBytes), path, SizeOf(path)))),
            .. request.Documents.Select((text, index) => Caught(() =>
            {
                string source = request.Documents.Count == 1 ? XmlErrors.Given : $"document {index + 1} of {XmlErrors.Given}";
                return Read(XmlSource.Parse(text, source, MomentsDocument.MaxBytes), source, text.Length);
            })),
        ];
        if (read.Select(one => one.Failure).FirstOrDefault(failure => failure is not null) is { } first)
            throw first;
        ImportSet[] sets = [.. read.Select(one => one.Set!)];
        var all = new ImportSet([.. sets.SelectMany(set => set.Documents)], [.. sets.SelectMany(set => set.Domains)], [.. sets.SelectMany(set => set.Current)]);
        return all.Documents.Count > 0 ? all
            : throw new MomentException(MetadataErrors.ImportNothing, "Cannot import: there is no moment in what was given.", null, "Give a file, a directory with *.xml files, or XML, that has a <domaincheckpoint>, a <domainsnapshot>, or a <domain> with <checkpoints> or <snapshots>.");
    }

    private static IEnumerable<string> Files(string path)
    {
        if (!Directory.Exists(path))
            return [path];
        try
        {
            string[] files = [.. Directory.EnumerateFiles(path, "*.xml").Where(file => !DurableFile.IsTemporary(file)).Order(StringComparer.Ordinal)];
            return files.Length > 0 ? files
                : throw new MomentException(MetadataErrors.ImportNothing, $"Cannot import from '{path}': the directory has no file that ends in .xml.", path, "Give the directory of one domain: libvirt keeps one file a moment there.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the directory", path);
        }
    }

    private static long SizeOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    private static (ImportSet? Set, MomentException? Failure) Caught(Func<ImportSet> read)
    {
        try
        {
            return (read(), null);
        }
        catch (MomentException failure)
        {
            return (null, failure);
        }
    }

    private static ImportSet Read(XDocument xml, string source, long size)
    {
        XElement root = xml.Root!;
        if (root.Name != "domain")
        {
            int line = LineOf(root);
            if (size > XmlSource.MaxBytes)
                throw XmlSource.TooLarge(source, $"it has more than {XmlSource.MaxBytes} bytes");
            return new ImportSet([new ImportedDocument(MomentDocuments.FromElement(root, source, XmlOrigin.User), source, line)], [], []);
        }

        // By position: reading takes the lists out of the document.
        int[] snapshots = Lines(root, "snapshots"), checkpoints = Lines(root, "checkpoints");
        MomentsDocument whole = MomentsDocument.FromElement(root, source);
        List<ImportedDocument> documents =
        [
            .. whole.Snapshots.Select((document, index) => new ImportedDocument(document, source, snapshots[index])),
            .. whole.Checkpoints.Select((document, index) => new ImportedDocument(document, source, checkpoints[index])),
        ];
        // A moment gets a file of its own, which must be readable afterwards.
        if (size > XmlSource.MaxBytes && documents.AsParallel().FirstOrDefault(one => one.Document.ToXml(secure: true).Length > LargestMoment) is { } large)
            throw XmlSource.TooLarge(large.Place, $"{large.Label} has more than {LargestMoment} characters");
        List<MomentKey> current = [];
        if (whole.CurrentSnapshot is { } snapshot)
            current.Add(new MomentKey(MomentKind.Snapshot, snapshot));
        if (whole.CurrentCheckpoint is { } checkpoint)
            current.Add(new MomentKey(MomentKind.Checkpoint, checkpoint));
        return new ImportSet(documents, [whole.Domain], current);
    }

    private static int[] Lines(XElement root, string list) => [.. (root.Element(list)?.Elements() ?? []).Select(LineOf)];

    private static int LineOf(XElement element) => ((IXmlLineInfo)element).HasLineInfo() ? ((IXmlLineInfo)element).LineNumber : 0;
}
