using System.Text;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>Where an export goes: nowhere, into one file, or into a directory with a file a moment.</summary>
internal sealed class ExportTarget
{
    private readonly string? _directory;
    private readonly bool _replace;

    // What holds passwords is its owner's alone.
    private readonly bool _shared;
    private readonly IReadOnlyDictionary<MomentKey, string> _paths;

    private ExportTarget(bool whole, string? file, string? directory, ExportMomentsRequest request, IReadOnlyDictionary<MomentKey, string> paths)
    {
        Whole = whole;
        File = file;
        _directory = directory;
        _replace = request.Force;
        _shared = !request.Secure;
        _paths = paths;
    }

    /// <summary>Whether all moments go into one document.</summary>
    public bool Whole { get; }

    /// <summary>The file of that document, or null.</summary>
    public string? File { get; }

    public static ExportTarget Of(ExportMomentsRequest request, IReadOnlyList<Moment> moments)
    {
        string? path = request.Path;
        bool isDirectory = path is not null && (Directory.Exists(path) || Path.EndsInDirectorySeparator(path));
        bool whole = request.Names.Count == 0 && !isDirectory;
        if (path is null || whole)
            return new ExportTarget(whole, path, null, request, new Dictionary<MomentKey, string>());
        if (!isDirectory && moments.Count > 1)
            throw new MomentException(MetadataErrors.ExportPathInvalid, $"Cannot export {moments.Count} moments to {XmlErrors.Quote(path)}: it is no directory, and each moment gets a file of its own. Nothing was written.", path, "Give a directory; one that shall be made must end in '/'. Without names all moments go into one file.");
        if (!isDirectory)
            return new ExportTarget(false, null, null, request, new Dictionary<MomentKey, string> { [moments[0].Key] = path });
        var twins = moments.CountBy(moment => moment.Name, StringComparer.Ordinal).Where(name => name.Value > 1).Select(name => name.Key).ToHashSet(StringComparer.Ordinal);
        var paths = moments.ToDictionary(moment => moment.Key, moment => Path.Combine(path, (twins.Contains(moment.Name) ? moment.Key.ToString() : moment.Name) + ".xml"));
        return new ExportTarget(false, null, path, request, paths);
    }

    public string? PathOf(Moment moment) => _paths.GetValueOrDefault(moment.Key);

    /// <summary>Refuses names that are taken, before anything is done.</summary>
    public void RequireFree()
    {
        foreach (IGrouping<string, string> path in _paths.Values.Append(File).OfType<string>().GroupBy(path => path, StringComparer.Ordinal))
        {
            if (path.Count() > 1)
                throw new MomentException(MetadataErrors.ExportPathInvalid, $"Cannot export: two of the moments would be written to {XmlErrors.Quote(path.Key)}. Nothing was written.", path.Key, "Export them one by one, each to a file of its own.");
            if (Directory.Exists(path.Key))
                throw new MomentException(MetadataErrors.ExportPathInvalid, $"Cannot export to {XmlErrors.Quote(path.Key)}: it is a directory. Nothing was written.", path.Key, "Choose another path.");
            // A link that leads nowhere is a name that is taken as well.
            if (!_replace && (System.IO.File.Exists(path.Key) || new FileInfo(path.Key).LinkTarget is not null))
                throw MetadataErrors.FileExists(path.Key);
        }
    }

    /// <summary>Writes the documents, each whole or not at all; where one fails those before it are taken back, unless they replaced files.</summary>
    public void Write(IReadOnlyList<VMMomentDocument> documents)
    {
        List<string> written = [];
        try
        {
            if (_directory is not null)
                Directory.CreateDirectory(_directory);
            foreach (VMMomentDocument document in documents)
            {
                if (document.Path is not { } path)
                    continue;
                byte[] content = Encoding.UTF8.GetBytes(document.Xml);
                if (_replace)
                {
                    DurableFile.Write(path, content, _shared);
                }
                else
                {
                    WriteNew(path, content, _shared);
                    written.Add(path);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or MomentException)
        {
            written.ForEach(System.IO.File.Delete);
            throw failure as MomentException ?? FileErrors.From(failure, "write", _directory ?? documents[0].Path!);
        }
    }

    private static void WriteNew(string path, byte[] content, bool shared)
    {
        try
        {
            DurableFile.WriteNew(path, content, shared);
        }
        catch (MomentException) when (System.IO.File.Exists(path))
        {
            // Somebody made it in the same instant: it is theirs.
            throw MetadataErrors.FileExists(path);
        }
    }
}
