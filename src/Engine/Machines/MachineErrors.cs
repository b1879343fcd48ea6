using MomentTools.Errors;

namespace MomentTools.Machines;

/// <summary>Failures of finding, starting, stopping and reaching machines.</summary>
internal static class MachineErrors
{
    public static readonly ErrorId VMNotFound = new("VMNotFound", ErrorKind.NotFound);
    public static readonly ErrorId VMExists = new("VMExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId VMDocumentMismatch = new("VMDocumentMismatch", ErrorKind.CorruptData);
    public static readonly ErrorId VMCatalogueBusy = new("VMCatalogueBusy", ErrorKind.Busy);
    public static readonly ErrorId VMNameMissing = new("VMNameMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId VMDefinitionMissing = new("VMDefinitionMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId VMAlreadyRunning = new("VMAlreadyRunning", ErrorKind.InvalidState);
    public static readonly ErrorId VMNotRunning = new("VMNotRunning", ErrorKind.InvalidState);
    public static readonly ErrorId VMRunning = new("VMRunning", ErrorKind.InvalidState);
    public static readonly ErrorId VMPaused = new("VMPaused", ErrorKind.InvalidState);
    public static readonly ErrorId VMStateUnfit = new("VMStateUnfit", ErrorKind.InvalidState);
    public static readonly ErrorId VMResumeRefused = new("VMResumeRefused", ErrorKind.Refused);
    public static readonly ErrorId VMAttached = new("VMAttached", ErrorKind.InvalidState);
    public static readonly ErrorId VMStartFailed = new("VMStartFailed", ErrorKind.Refused);
    public static readonly ErrorId VMStopTimeout = new("VMStopTimeout", ErrorKind.Timeout);
    public static readonly ErrorId VMStuck = new("VMStuck", ErrorKind.Timeout);
    public static readonly ErrorId MemoryFileMissing = new("MemoryFileMissing", ErrorKind.NotFound);
    public static readonly ErrorId MemoryFileBroken = new("MemoryFileBroken", ErrorKind.CorruptData);
    public static readonly ErrorId MemoryLoadFailed = new("MemoryLoadFailed", ErrorKind.Refused);
    public static readonly ErrorId QemuMissing = new("QemuMissing", ErrorKind.NotFound);
    public static readonly ErrorId StorageDaemonFailed = new("StorageDaemonFailed", ErrorKind.Connection);
    public static readonly ErrorId NbdServerForeign = new("NbdServerForeign", ErrorKind.Busy);

    public static MomentException NotFound(string name, IReadOnlyCollection<string> names)
    {
        IReadOnlyList<string> near = NearNames.Find(name, names);
        string advice = near.Count > 0 ? $"Did you mean {string.Join(" or ", near)}?"
            : names.Count == 0 ? "No domain is registered yet: Register-VMDomain makes one known."
            : "Get-VMDomain lists the domains.";
        return new(VMNotFound, $"There is no domain '{name}'. Names are matched exactly, upper and lower case included.", name, advice);
    }

    /// <param name="doing">What was tried, as the rest of "Cannot … NAME".</param>
    public static MomentException Exists(string name, string doing, string why) =>
        new(VMExists, $"Cannot {doing} '{name}': {why}.", name, "Choose another name or UUID, or unregister the other domain first.");

    public static MomentException AlreadyRunning(string name, int? process) =>
        new(VMAlreadyRunning, $"Cannot start domain '{name}': it runs already{(process is null ? "" : $", as process {process}")}.", name, "Nothing needs to be done: Get-VMDomain shows its state.");

    public static MomentException NotRunning(string name) =>
        new(VMNotRunning, $"Domain '{name}' does not run.", name, "Start-VMDomain starts it.");

    public static MomentException Attached(string name, string doing) =>
        new(VMAttached, $"Cannot {doing} domain '{name}': it is attached, and who made it starts it.", name, "Start it with the tool that it belongs to.");

    /// <summary>A start that failed, with QEMU's own words.</summary>
    public static MomentException StartFailed(string name, string words, Exception? inner = null) =>
        new(
            VMStartFailed,
            $"Cannot start domain '{name}': {(words.Length > 0 ? $"QEMU says: {words}" : "QEMU ended without a word.")}",
            name,
            "Correct the domain's definition or what it names, then start it again: nothing was left behind.",
            inner);

    public static MomentException ProgramMissing(string program)
    {
        string name = Path.GetFileName(program);
        string package = name switch
        {
            "qemu-img" or "qemu-io" or "qemu-nbd" => "qemu-utils",
            "qemu-storage-daemon" => "qemu-system-common",
            "qemu-system-x86_64" or "qemu-system-i386" => "qemu-system-x86",
            _ => "qemu-system",
        };
        return new(QemuMissing, $"The program '{program}' was not found{(name == program ? " on PATH" : "")}.", program, $"Install it: apt install {package}");
    }

    public static MomentException DaemonFailed(string doing, string words, Exception? inner = null) =>
        new(
            StorageDaemonFailed,
            $"QEMU's storage daemon failed {doing}: {(words.Length > 0 ? words : "it said nothing")}",
            "qemu-storage-daemon",
            "Check the images with Test-VMMoment before anything else is changed.",
            inner);

    public static MomentException MemoryBroken(string name, string path, string why) =>
        new(MemoryFileBroken, $"The file '{path}' is not the saved memory of '{name}': {why}.", path, "Put the file back that was saved. Without it only the disks can be gone back to.");

    /// <summary>A saved memory that QEMU did not take.</summary>
    public static MomentException MemoryRefused(string name, string path, string words, Exception? inner = null) =>
        new(
            MemoryLoadFailed,
            $"QEMU could not load the memory of '{name}' from '{path}'{(words.Length > 0 ? $": {words}" : " and did not say why.")}",
            path,
            "The machine must be what it was when the memory was saved: the same machine type, processors, memory and devices, and a QEMU that is not older. The file was not changed.",
            inner);
}
