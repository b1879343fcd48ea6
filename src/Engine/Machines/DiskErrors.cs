using MomentTools.Errors;
using MomentTools.Machines.Serving;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Failures of opening a machine's disks and of finding them in a running QEMU.</summary>
internal static class DiskErrors
{
    public static readonly ErrorId DiskMissing = new("DiskMissing", ErrorKind.NotFound);
    public static readonly ErrorId DiskWithoutFile = new("DiskWithoutFile", ErrorKind.InvalidState);
    public static readonly ErrorId DiskPathRelative = new("DiskPathRelative", ErrorKind.InvalidArgument);
    public static readonly ErrorId DiskFormatUnknown = new("DiskFormatUnknown", ErrorKind.InvalidArgument);
    public static readonly ErrorId DiskFormatUnsupported = new("DiskFormatUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId DiskLocked = new("DiskLocked", ErrorKind.Busy);
    public static readonly ErrorId DiskOpenFailed = new("DiskOpenFailed", ErrorKind.Refused);
    public static readonly ErrorId DiskNotInMachine = new("DiskNotInMachine", ErrorKind.NotFound);
    public static readonly ErrorId SnapshotNotApplied = new("SnapshotNotApplied", ErrorKind.Refused);
    public static readonly ErrorId DiskChanged = new("DiskChanged", ErrorKind.InvalidState);
    public static readonly ErrorId DiskBackingForeign = new("DiskBackingForeign", ErrorKind.InvalidState);
    public static readonly ErrorId DiskNotExchangeable = new("DiskNotExchangeable", ErrorKind.Unsupported);

    public static MomentException Missing(string vm, string disk, string path, string? namedBy = null) =>
        new(
            DiskMissing,
            $"Disk '{disk}' of domain '{vm}': {(Directory.Exists(path) ? $"'{path}' is a directory, and no file" : $"the file '{path}' does not exist")}{(namedBy is null ? "" : $", and '{namedBy}' stands on it")}.",
            disk,
            "Put the file back, or correct its path.");

    public static MomentException WithoutFile(string vm, DomainDisk disk) =>
        new(
            DiskWithoutFile,
            $"Disk '{disk.Target}' of domain '{vm}' has no file or block device that could be opened{(disk.SourceType is "file" or "block" ? ": the drive is empty" : $": it is of type '{disk.SourceType}'")}.",
            disk.Target,
            "Leave it out by naming the other disks.");

    /// <param name="doing">What was tried, as the rest of "Cannot …".</param>
    /// <param name="image">The image that names the file.</param>
    public static MomentException BackingForeign(string doing, string disk, string image, string named) =>
        new(
            DiskBackingForeign,
            $"Cannot {doing}: the image '{image}' of disk '{disk}' names the file {XmlErrors.Quote(named)}, which lies neither beside it nor in the machine's definition. The guest would read it, and whoever made the image chose which file that is.",
            named,
            "If that file belongs to the disk, register the machine with -AcceptBacking (with -Update where it is registered already), or list it in the disk's <backingStore>. Else do not use the image.");

    /// <summary>A record from elsewhere that calls a file of the host a layer.</summary>
    public static MomentException RecordForeign(string vm, string disk, string named) =>
        new(
            DiskBackingForeign,
            $"Cannot take over the record of '{vm}': it says that {XmlErrors.Quote(named)} is a layer of disk '{disk}', and that file lies neither beside the disk's image nor in the machine's definition, nor bears the layer's mark. The guest would get it, and whoever wrote the record chose which file that is. Nothing was imported.",
            named,
            "If that file belongs to the disk, list it in the disk's <backingStore> with Register-VMDomain -Update and import again. Else import with -MetadataOnly, which takes the moments over without the record.");

    public static MomentException DataFileForeign(string vm, string disk, string image, string named) =>
        new(
            DiskBackingForeign,
            $"Cannot open disk '{disk}' of domain '{vm}': the image '{image}' keeps its data in the file {XmlErrors.Quote(named)}, which does not lie beside it. The guest would read and write it, and whoever made the image chose which file that is.",
            named,
            "If the data is the disk's, move it beside the image and name it there with 'qemu-img amend -o data_file=PATH'. Else do not use the image.");

    public static MomentException PathRelative(string vm, string disk, string path) =>
        new(
            DiskPathRelative,
            $"Disk '{disk}' of domain '{vm}': the path '{path}' is relative, and it is not known to what.",
            disk,
            "Give the path from the root on, in the definition or on QEMU's command line.");

    public static MomentException FormatUnknown(string vm, string disk) =>
        new(
            DiskFormatUnknown,
            $"Disk '{disk}' of domain '{vm}': its format is not said, and a format is never guessed: a guest can make a raw disk look like another format.",
            disk,
            "Say it in the definition: <driver name='qemu' type='qcow2'/>.");

    public static MomentException FormatUnsupported(string vm, string disk, string format) =>
        new(
            DiskFormatUnsupported,
            $"Disk '{disk}' of domain '{vm}': the format {XmlErrors.Quote(format)} is not supported; qcow2 and raw are.",
            disk,
            "Convert the image with 'qemu-img convert -O qcow2'.");

    /// <summary>An image that another process has open.</summary>
    /// <param name="doing">What was tried, as the rest of "Cannot …".</param>
    public static MomentException Locked(string doing, string path, string words, Exception? inner = null)
    {
        HostProcess[] processes = [.. ImageHolders.Processes(path)];
        if (processes.FirstOrDefault(ServingDaemon.Is) is { } serving)
            return new(
                DiskLocked, $"Cannot {doing}: '{path}' is in use by a block snapshot or a block export of a stopped machine (qemu-storage-daemon, process {serving.Id}).", path,
                "Get-VMBlockSnapshot and Get-VMBlockExport show what it is; Remove-VMBlockSnapshot or Stop-VMBlockExport ends it. Nothing was changed.", inner) { PeerErrorClass = (inner as MomentException)?.PeerErrorClass };
        IReadOnlyList<string> holders = [.. processes.Select(process => $"{process.Name} (process {process.Id})")];
        string who = holders.Count > 0 ? string.Join(" and ", holders) : "another process, which this user may not see,";
        return new(
            DiskLocked,
            $"Cannot {doing}: '{path}' is in use by {who}. QEMU says: {words}",
            path,
            "Wait for that process, or stop it. If it is this very machine, started by something else, attach it by its monitor.",
            inner) { PeerErrorClass = (inner as MomentException)?.PeerErrorClass };
    }

    public static MomentException OpenFailed(string vm, string disk, string path, MomentException inner) =>
        new(
            DiskOpenFailed,
            $"Cannot open '{path}' for disk '{disk}' of domain '{vm}': {inner.Message}",
            disk,
            "Check the image with 'qemu-img check'.",
            inner) { PeerErrorClass = inner.PeerErrorClass };

    public static MomentException NotInMachine(string vm, DomainDisk disk) =>
        new(
            DiskNotInMachine,
            $"The running QEMU of domain '{vm}' has no disk '{disk.Target}'.",
            disk.Target,
            "It may have been unplugged, or the machine was started with other disks than those registered. Register-VMDomain -Update takes over what it has now; the disk's moments stay.");

    /// <summary>QEMU works on another file than the one recorded (a new layer made by somebody else, or another machine).</summary>
    public static MomentException Changed(string vm, DomainDisk disk, string file, string driver) =>
        new(
            DiskChanged,
            $"Disk '{disk.Target}' of domain '{vm}' is not what is recorded: recorded is '{disk.SourcePath}' ({disk.Format ?? "no format"}), QEMU works on '{file}' ({driver}).",
            disk.Target,
            "Nothing is changed on a disk that somebody else switched. Put the recorded file back, or update the definition with Register-VMDomain -Update.");

    /// <summary>A device that takes no other image while the machine runs; all devices have their old ones.</summary>
    public static MomentException NotExchangeable(string vm, MomentException inner) =>
        new(
            DiskNotExchangeable,
            $"A device of the running machine '{vm}' does not take another image: {inner.Message}",
            vm,
            "Stop the machine, then run the command again.",
            inner) { PeerErrorClass = inner.PeerErrorClass };
}
