using System.Xml.Linq;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>The record of a block snapshot: its document with one element of ours.</summary>
internal static class BlockSnapshotRecordXml
{
    private static readonly string[] DiskAttributes =
        ["name", "number", "node", "device", "method", "size", "scratch-device", "scratch-inode", "scratch-limit", "point", "copy", "copy-sidecar", "doubt"];

    public static string Write(BlockSnapshotRecord record) => (DocumentOf(record) with
    {
        Extension = new XElement(XmlNames.BlockSnapshot,
            ServiceRecordXml.Write(record.Id, record.Created, record.Owner),
            XmlOutput.Attribute("checkpoint", record.Checkpoint),
            ServiceRecordXml.Write("daemon", record.Daemon),
            record.Disks.Select(Write)),
    }).ToXml(includeExtension: true);

    /// <summary>The document that a user can have of it.</summary>
    public static BlockSnapshotDocument DocumentOf(BlockSnapshotRecord record) =>
        new(record.Name, [.. record.Disks.Select(disk => new BlockSnapshotDocumentDisk(disk.Name, disk.ScratchPath))]);

    public static BlockSnapshotRecord Load(string path) => Read(BlockSnapshotDocument.Load(path, XmlOrigin.Store), path);

    /// <summary>Reads the text of a record.</summary>
    /// <param name="path">What messages call it.</param>
    public static BlockSnapshotRecord Parse(string text, string path) => Read(BlockSnapshotDocument.Parse(text, path, XmlOrigin.Store), path);

    private static BlockSnapshotRecord Read(BlockSnapshotDocument document, string path)
    {
        var check = new XmlCheck(path);
        XElement element = ServiceRecordXml.Extension(document.Extension, path);
        check.Attributes(element, [.. ServiceRecordXml.Shared, "checkpoint"]);
        check.Content(element, [TrackingXml.Name("daemon").ToString()], [TrackingXml.Name("disk").ToString()]);
        string? checkpoint = element.Attribute("checkpoint")?.Value;
        if (checkpoint is not null && MomentNames.CheckpointRule(checkpoint) is { } rule)
            throw check.Broken(element.Attribute("checkpoint")!, rule);
        return new BlockSnapshotRecord(
            ServiceRecordXml.Id(element, "id", check),
            document.Name ?? throw check.Broken(element, "the document has no name"),
            BranchXml.Time(element, "created", check),
            ServiceRecordXml.ReadOwner(element, check),
            checkpoint,
            ServiceRecordXml.ReadProcess(element, "daemon", check),
            ServiceRecordXml.Disks(element, [.. document.Disks.Select(disk => disk.Name)], disk => Read(disk, document, check), disk => disk.Number, check));
    }

    private static XElement Write(BlockSnapshotRecordDisk disk) => new(TrackingXml.Name("disk"),
        new XAttribute("name", disk.Name),
        new XAttribute("number", disk.Number),
        new XAttribute("node", disk.Node),
        XmlOutput.Attribute("device", disk.Device),
        new XAttribute("method", disk.Method),
        new XAttribute("size", disk.Size),
        disk.ScratchPath is null ? null : new XAttribute("scratch-device", disk.ScratchDevice),
        disk.ScratchPath is null ? null : new XAttribute("scratch-inode", disk.ScratchInode),
        XmlOutput.Attribute("scratch-limit", disk.ScratchLimit),
        XmlOutput.Attribute("point", disk.Point),
        XmlOutput.Attribute("copy", disk.Copy),
        XmlOutput.Attribute("copy-sidecar", disk.CopySidecar),
        XmlOutput.Attribute("doubt", disk.Doubt is { } doubt ? ServiceRecordXml.OneLine(doubt) : null));

    private static BlockSnapshotRecordDisk Read(XElement element, BlockSnapshotDocument document, XmlCheck check)
    {
        check.Attributes(element, DiskAttributes);
        check.Content(element, []);
        string name = check.Required(element, "name");
        string? scratch = document.Disks.First(disk => disk.Name == name).ScratchFile;
        check.Required(element, "method");
        string method = check.Choice(element, "method", BlockSnapshotRecordDisk.CopyBeforeWrite, BlockSnapshotRecordDisk.Backup, BlockSnapshotRecordDisk.Image)!;
        if (scratch is null != (method == BlockSnapshotRecordDisk.Image))
            throw check.Broken(element, $"a disk of a running machine has a scratch file, and one of a stopped machine has none; '{method}' does not fit");
        return new BlockSnapshotRecordDisk(
            name,
            ServiceRecordXml.DiskNumber(element, check),
            ServiceRecordXml.RequiredText(element, "node", check),
            ServiceRecordXml.Text(element, "device", check),
            method,
            ServiceRecordXml.Number(element, "size", 0, long.MaxValue, check),
            scratch,
            scratch is null ? 0 : ServiceRecordXml.Identity(element, "scratch-device", check),
            scratch is null ? 0 : ServiceRecordXml.Identity(element, "scratch-inode", check),
            ServiceRecordXml.OptionalNumber(element, "scratch-limit", 1, long.MaxValue, check),
            ServiceRecordXml.Text(element, "point", check),
            ServiceRecordXml.Text(element, "copy", check),
            element.Attribute("copy-sidecar") is null ? null : ServiceRecordXml.Id(element, "copy-sidecar", check),
            ServiceRecordXml.Text(element, "doubt", check));
    }
}
