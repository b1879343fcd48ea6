using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Making;

/// <summary>What a request for a backup asks for, with what its <c>&lt;domainbackup&gt;</c> document says put in its place.</summary>
internal static class AskedBackup
{
    /// <summary>The request without a document; refused where document and parameters, or two of these, exclude each other.</summary>
    public static BackupRequest Of(BackupRequest request)
    {
        BackupDocument? document = Document(request);
        if (document is null)
        {
            return request.Since is null || request.Kind == VMBackupKind.Differential
                ? request
                : throw Mixed("since when changes count is said for a differential backup alone", "Leave out -Since, or ask for -Differential.");
        }

        if (request.Kind != VMBackupKind.Automatic || request.Since is not null || request.Disks.Count > 0 || request.Scratch.Count > 0 || request.Pull)
            throw Mixed("a document says itself which disks are backed up, how, and since when", "Leave out the parameters that say it too.");
        BackupDocumentDisk[] disks = [.. document.Disks.Where(disk => disk.Included)];
        if (document.Disks.Count > 0 && disks.Length == 0)
            throw Mixed("its document leaves out every disk that it names", "Name the disks that are to be backed up in it, or leave out <disks> to mean all.");
        string? since = Since(document, disks);
        return request with
        {
            Xml = null,
            XmlPath = null,
            Kind = since is null ? VMBackupKind.Full : VMBackupKind.Differential,
            Since = since,
            Pull = document.Pull,
            Disks = [.. disks.Select(disk => disk.Name)],
            Scratch = disks.Where(disk => disk.ScratchFile is not null).ToDictionary(disk => disk.Name, disk => disk.ScratchFile!, StringComparer.Ordinal),
        };
    }

    private static BackupDocument? Document(BackupRequest request) => (request.Xml, request.XmlPath) switch
    {
        (null, null) => null,
        (not null, not null) => throw Mixed("a document and a file with a document exclude each other", "Give one of the two."),
        (not null, _) => BackupDocument.Parse(request.Xml, "the document"),
        _ => BackupDocument.Load(request.XmlPath!),
    };

    // One backup has one base: the disks of an instant are told apart by what is proven, not by what is asked.
    private static string? Since(BackupDocument document, BackupDocumentDisk[] disks)
    {
        string?[] all = disks.Length == 0 ? [document.Incremental] : [.. disks.Select(disk => Since(document, disk)).Distinct(StringComparer.Ordinal)];
        return all is [var one] ? one : throw Mixed(
            $"the disks of its document are to hold what changed since different moments ({string.Join(", ", all.Select(since => since is null ? "in full" : XmlErrors.Quote(since)))})",
            "Back up such disks with a command for each moment.");
    }

    private static string? Since(BackupDocument document, BackupDocumentDisk disk) =>
        disk.IsIncremental == false ? null
        : disk.Incremental ?? document.Incremental ?? (disk.IsIncremental is null ? null : throw Mixed(
            $"disk '{disk.Name}' of its document is to be incremental, and no moment is named for it", "Name one in <incremental>, or in the disk's attribute of this name."));

    private static MomentException Mixed(string why, string advice) => new(BackupErrors.BackupRequestMixed, $"Cannot back up as asked: {why}.", null, advice);
}
