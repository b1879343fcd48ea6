using MomentTools.Errors;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Why disks are not served over NBD.</summary>
internal static class ExportErrors
{
    public static readonly ErrorId ExportWithIoThread = new("ExportWithIoThread", ErrorKind.Unsupported);
    public static readonly ErrorId ExportRequestMixed = new("ExportRequestMixed", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportDiskMissing = new("ExportDiskMissing", ErrorKind.NotFound);
    public static readonly ErrorId ExportUnencrypted = new("ExportUnencrypted", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportTlsMissing = new("ExportTlsMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportServerDiffers = new("ExportServerDiffers", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportWritableRefused = new("ExportWritableRefused", ErrorKind.InvalidState);
    public static readonly ErrorId ExportSourceGone = new("ExportSourceGone", ErrorKind.InvalidState);
    public static readonly ErrorId BlockExportNotFound = new("BlockExportNotFound", ErrorKind.NotFound);

    public static MomentException Mixed(string what) => new(
        ExportRequestMixed, $"Cannot start the export: {what}.", null, "Leave one of them out. Nothing was started.");

    public static MomentException DiskTwice(string disk) => new(
        XmlErrors.DiskNamedTwice, $"The export names the disk '{disk}' twice.", disk, "Name each disk once, by its target or by its path; a second export of it is a second command.");

    /// <param name="what">What does not have it: block snapshot 'x', backup 'y'.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="there">Those that it has.</param>
    public static MomentException DiskMissing(string what, string disk, IEnumerable<string> there) => new(
        ExportDiskMissing, $"Cannot export disk '{disk}': {what} does not have it.", disk, $"It has {string.Join(", ", there)}.");

    public static MomentException Nothing(string what) => new(
        ExportDiskMissing, $"Cannot export {what}: it has no disk with content of its own.", what, "Drives without a medium are not exported. Name a disk to export it all the same.");

    public static MomentException NameUnused(string disk) => new(
        ExportDiskMissing, $"There is an export name for disk '{disk}', and that disk is not exported.", disk, "Name the disk with -Disk too, or leave the name out.");

    /// <param name="name">The name.</param>
    /// <param name="address">Where it is taken.</param>
    /// <param name="who">What has it, or null where somebody else does.</param>
    /// <param name="inner">QEMU's refusal, or null.</param>
    public static MomentException NameTaken(string name, string address, string? who, MomentException? inner = null) => new(
        ServingDaemonErrors.ExportNameTaken, $"Cannot export anything as {XmlErrors.Quote(name)} at {address}: {who ?? "somebody else"} has the name there.", name,
        "Give another name with -ExportName, another address, or stop the other export with Stop-VMBlockExport.", inner);

    public static MomentException Unencrypted(string address) => new(
        ExportUnencrypted, $"Cannot export at {address} without TLS: every host that reaches this one could read the disks.", address,
        "Give -TlsX509 or -TlsPsk, listen on one address that only the right hosts reach, or say -AllowUnencrypted.");

    public static MomentException TlsMissing(string address) => new(
        ExportTlsMissing, $"Cannot export at {address}: the document asks for TLS, and it is not said with which certificates or keys.", address,
        "Give the directory with them: -TlsX509 or -TlsPsk.");

    /// <param name="address">The address.</param>
    /// <param name="what">What differs, a sentence without a full stop.</param>
    public static MomentException ServerDiffers(string address, string what) => new(
        ExportServerDiffers, $"Cannot add an export at {address}: it is served there already, and {what}.", address,
        "What is served at one address has one server. Leave the setting out to join it, or give another address.");

    public static MomentException Writable(string vm, string why) => new(
        ExportWritableRefused, $"Cannot export disks of '{vm}' for writing: {why}.", vm,
        "Only disks of a stopped machine that nothing else uses are exported for writing. Leave out -Writable to read.");

    public static MomentException IoThread(string vm, Qmp.QmpVersion version) => new(
        ExportWithIoThread, $"Cannot export disks of the running machine '{vm}': it has I/O threads, and QEMU {version} ends, and the guest with it, when a client of an export leaves that such a thread serves.", vm,
        "Use QEMU 9.0 or newer, start the machine without <iothreads>, or stop it and export its disks then. Block snapshots, checkpoints and backups of it are not affected.");

    public static MomentException SnapshotGone(string name, string why) => new(
        ExportSourceGone, $"Cannot export block snapshot '{name}': {why}.", name, "Make a new one with New-VMBlockSnapshot, and remove this one with Remove-VMBlockSnapshot.");

    public static MomentException NotCovered(DomainDocument domain, string disk, MomentKey since) => new(
        OperationErrors.DiskNotCovered,
        $"'{since.Name}' of '{domain.Name}' does not cover disk '{disk}'{(domain.FindDisk(disk)?.Format == "raw" ? ", which is a raw image: what changes in it is not recorded" : "")}.",
        disk, "Get-VMMoment shows which disks a moment covers. Export the disk without -Since, or name the other disks.");

    public static MomentException NotFound(string vm, string address, IReadOnlyCollection<string> there) => new(
        BlockExportNotFound, $"'{vm}' serves nothing at {address}.", address,
        there.Count == 0 ? "The machine has no block exports now." : $"It serves at {string.Join(", ", there)}.");

    /// <param name="vm">The machine.</param>
    /// <param name="what">What was asked for, with a space before it.</param>
    /// <param name="there">What it serves.</param>
    public static MomentException NoneMatches(string vm, string what, IReadOnlyCollection<string> there) => new(
        BlockExportNotFound, $"'{vm}' has no block export{what}. Nothing was stopped.", vm,
        there.Count == 0 ? "The machine has no block exports now." : $"It serves {string.Join(", ", there)}.");

    public static MomentException SeveralAddresses(string vm, IReadOnlyCollection<string> there) => new(
        BlockExportNotFound, $"'{vm}' has {(there.Count == 0 ? "no block exports" : "block exports at several addresses")}.", vm,
        there.Count == 0 ? "Start one with Start-VMBlockExport." : $"Say which: {string.Join(", ", there)}.");
}
