using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// The records of a domain's block snapshots and block exports: <c>blocksnapshots/NAME.xml</c> and <c>blockexports/ID.xml</c>. A record that
/// cannot be read costs itself only. Whether what it stands for still lives is told by QEMU, never by the record.
/// </summary>
internal sealed class ServiceRecords(string stateDirectory)
{
    private const string SnapshotFolder = "blocksnapshots";
    private const string ExportFolder = "blockexports";
    private const string Extension = ".xml";

    /// <summary>Whether there is any record, readable or not; cheap.</summary>
    public bool Any => Files(SnapshotFolder).Any() || Files(ExportFolder).Any();

    /// <summary>The names of the block snapshots that have a record, readable or not: names of files, nothing is opened.</summary>
    public IReadOnlyList<string> SnapshotNames => [.. Files(SnapshotFolder).Select(path => Path.GetFileNameWithoutExtension(path)).Where(name => MomentNames.BlockSnapshotRule(name) is null)];

    /// <summary>Block snapshots, by name.</summary>
    /// <param name="broken">Told of each record that cannot be used.</param>
    public IReadOnlyList<BlockSnapshotRecord> Snapshots(Action<MomentException> broken) =>
        Read(SnapshotFolder, BlockSnapshotRecordXml.Load, record => record.Id, record => record.Name, broken);

    /// <summary>Block exports, the oldest first.</summary>
    /// <param name="broken">Told of each record that cannot be used.</param>
    public IReadOnlyList<BlockExportRecord> Exports(Action<MomentException> broken) =>
        [.. Read(ExportFolder, BlockExportRecordXml.Load, record => record.Id, record => record.Id, broken).OrderBy(record => record.Created).ThenBy(record => record.Id, StringComparer.Ordinal)];

    /// <summary>The file of a record, relative to the domain's state directory, and its content.</summary>
    /// <exception cref="MomentException">It could not be read again: what nobody can read, nobody can take down.</exception>
    public static (string Path, string Content) FileOf(BlockSnapshotRecord record)
    {
        string path = PathOf(record), content = BlockSnapshotRecordXml.Write(record);
        _ = BlockSnapshotRecordXml.Parse(content, path);
        return (path, content);
    }

    /// <inheritdoc cref="FileOf(BlockSnapshotRecord)"/>
    public static (string Path, string Content) FileOf(BlockExportRecord record)
    {
        string path = PathOf(record), content = BlockExportRecordXml.Write(record);
        _ = BlockExportRecordXml.Parse(content, path);
        return (path, content);
    }

    /// <summary>The file of a record, relative to the domain's state directory.</summary>
    public static string PathOf(BlockSnapshotRecord record) => PathOfSnapshot(record.Name);

    /// <summary>The file of the block snapshot of a name, relative to the domain's state directory.</summary>
    public static string PathOfSnapshot(string name) => $"{SnapshotFolder}/{name}{Extension}";

    /// <inheritdoc cref="PathOf(BlockSnapshotRecord)"/>
    public static string PathOf(BlockExportRecord record) => $"{ExportFolder}/{record.Id}{Extension}";

    private List<T> Read<T>(string folder, Func<string, T> load, Func<T, string> idOf, Func<T, string> nameOf, Action<MomentException> broken)
    {
        List<T> all = [];
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (string path in Files(folder).Order(StringComparer.Ordinal))
        {
            try
            {
                T record = load(path);
                if (nameOf(record) != Path.GetFileNameWithoutExtension(path))
                    throw ServingErrors.RecordInvalid(path, $"it is about '{nameOf(record)}', which its name does not say");
                // What it stands for bears the id: two of them would take each other's down.
                if (!ids.Add(idOf(record)))
                    throw ServingErrors.RecordInvalid(path, $"another record has its id '{idOf(record)}' already");
                all.Add(record);
            }
            catch (MomentException failure)
            {
                // Whoever reads without the domain's lock may see one go.
                if (!FileStamp.IsAbsent(path))
                    broken(failure.ErrorId == ServingErrors.ServiceRecordInvalid ? failure : ServingErrors.RecordInvalid(path, failure));
            }
        }

        return all;
    }

    private IEnumerable<string> Files(string folder)
    {
        string path = Path.Combine(stateDirectory, folder);
        return Directory.Exists(path) ? Directory.EnumerateFileSystemEntries(path, "*" + Extension).Where(file => !DurableFile.IsTemporary(file)) : [];
    }
}
