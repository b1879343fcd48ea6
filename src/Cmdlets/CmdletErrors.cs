using MomentTools.Errors;

namespace MomentTools.Cmdlets;

/// <summary>What goes wrong before the engine is asked.</summary>
internal static class CmdletErrors
{
    public static readonly ErrorId PathNotFileSystem = new("PathNotFileSystem", ErrorKind.InvalidArgument);
    public static readonly ErrorId PathUnreadable = new("PathUnreadable", ErrorKind.Storage);
    public static readonly ErrorId PathMissing = new("PathMissing", ErrorKind.NotFound);
    public static readonly ErrorId MomentOfOtherDomain = new("MomentOfOtherDomain", ErrorKind.InvalidArgument);
    public static readonly ErrorId MomentKindMismatch = new("MomentKindMismatch", ErrorKind.InvalidArgument);
    public static readonly ErrorId BitmapDomainMissing = new("BitmapDomainMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId VMAmbiguous = new("VMAmbiguous", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportPathShared = new("ExportPathShared", ErrorKind.InvalidArgument);
    public static readonly ErrorId OverlayFileMissing = new("OverlayFileMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId ScratchFileMissing = new("ScratchFileMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportNameAmbiguous = new("ExportNameAmbiguous", ErrorKind.InvalidArgument);
    public static readonly ErrorId ReadWithMeasure = new("ReadWithMeasure", ErrorKind.InvalidArgument);
    public static readonly ErrorId ParameterMissing = new("ParameterMissing", ErrorKind.InvalidArgument);
    public static readonly ErrorId ParametersExclude = new("ParametersExclude", ErrorKind.InvalidArgument);
    public static readonly ErrorId QmpArgumentsNotJson = new("QmpArgumentsNotJson", ErrorKind.InvalidArgument);
    public static readonly ErrorId JobPlanChanged = new("JobPlanChanged", ErrorKind.InvalidState);

    public static MomentException NotAgreed(string target, string action) => new(
        JobPlanChanged,
        $"The job left '{target}' alone: '{action}' is not what was agreed to when it was started, for something changed in between.",
        target,
        "Start it again; -WhatIf shows what would be done now.");

    public static MomentException MeasuredContent() => new(
        ReadWithMeasure, "-Measure gives sums, which have no content: -Read does not go with it.", "Read", "Leave out one of the two.");

    /// <summary>
    /// Where a command has several ways and too little is given to know which is meant, PowerShell's own words ("Parameter set cannot be
    /// resolved") help nobody.
    /// </summary>
    /// <param name="doing">What cannot be done: "restore the backup".</param>
    /// <param name="why">What was not said: "it is not said where to".</param>
    public static MomentException Missing(string doing, string why, string advice, string? target = null) =>
        new(ParameterMissing, $"Cannot {doing}: {why}.", target, advice);

    /// <param name="doing">What cannot be done.</param>
    /// <param name="why">What does not go together.</param>
    public static MomentException Exclude(string doing, string why, string advice) =>
        new(ParametersExclude, $"Cannot {doing}: {why}. Nothing was touched.", null, advice);

    public static MomentException NoFilePath(string path, string provider) => new(
        PathNotFileSystem,
        $"The path '{path}' belongs to PowerShell's provider {provider}, and not to the file system.",
        path,
        "Give a path in the file system, for instance /var/lib/images/web1.qcow2.");

    public static MomentException OverlayWithoutFile(string disk) => new(
        OverlayFileMissing, $"-Overlay names no file for disk '{disk}'.", disk, $"Give one: -Overlay @{{ {disk} = '/path/to/layer.qcow2' }}.");

    public static MomentException ScratchWithoutFile(string disk) => new(
        ScratchFileMissing, $"-Scratch names no file for disk '{disk}'.", disk, $"Give one: -Scratch @{{ {disk} = '/path/to/scratch.qcow2' }}.");

    public static MomentException Missing(string path, Exception? inner = null) => new(
        PathMissing, $"The file '{path}' cannot be read: it does not exist.", path, "Check the path; Get-ChildItem shows what is there.", inner);

    public static MomentException Unreadable(string path, Exception inner) => new(
        PathUnreadable, $"The file '{path}' cannot be read: {inner.Message}", path, "Check that it is a readable file.", inner);

    public static MomentException IsDirectory(string path) => new(
        PathUnreadable, $"The file '{path}' cannot be read: it is a directory.", path, "Give the path of a file in it.");

    public static MomentException DocumentTooLarge(string path, long limit) => new(
        PathUnreadable,
        $"The file '{path}' is not read as a domain's definition: it is larger than {limit / 1024 / 1024} MiB.",
        path,
        "Give the XML document that 'virsh dumpxml' prints.");

    public static MomentException OtherDomain(string moment, string owner, string vm) => new(
        MomentOfOtherDomain,
        $"The moment '{moment}' was given as an object of the domain '{owner}', but '{vm}' was asked.",
        moment,
        $"Take the moment from Get-VMMoment {vm}, or ask {owner}.");

    public static MomentException NotACheckpoint(string name, string vm, string kind) => new(
        MomentKindMismatch,
        $"The checkpoint '{name}' of '{vm}' was not removed: '{name}' is a {kind.ToLowerInvariant()}.",
        name,
        $"Use Remove-VM{kind}, or give the name of a checkpoint.");

    public static MomentException NotASnapshot(string name, string vm, string kind) => new(
        MomentKindMismatch,
        $"The snapshot '{name}' of '{vm}' was not removed: '{name}' is a {kind.ToLowerInvariant()}.",
        name,
        $"Use Remove-VM{kind}, or give the name of a snapshot.");

    public static MomentException BitmapOfNoDomain(string name, string path, string done = "removed") => new(
        BitmapDomainMissing,
        $"The bitmap '{name}' in '{path}' was not {done}: it was found in a file, and the domain that the file belongs to is not known.",
        name,
        "Take the bitmap from Get-VMBitmap -VM; the image of no domain is edited by 'qemu-img bitmap --remove'.");

    public static MomentException ManyForOneName(string newName, IReadOnlyCollection<string> domains) => new(
        VMAmbiguous,
        $"Cannot rename to '{newName}': {domains.Count} domains are meant, and a name is for one.",
        newName,
        $"Name one of them: {string.Join(", ", domains.Take(12))}.");

    public static MomentException OneFileForMany(string path, IReadOnlyCollection<string> domains) => new(
        ExportPathShared,
        $"Cannot export the moments of {domains.Count} domains to the one file '{path}': each would replace that of the one before. Nothing was written.",
        path,
        "Export them one by one, each to a file of its own.");

    public static MomentException OneNameForTwo(string path, string moment, string vm, string other) => new(
        ExportPathShared,
        $"Cannot export to the directory '{path}': '{vm}' and '{other}' both have a moment '{moment}', and a moment's file bears its name. Nothing was written.",
        path,
        "Export them one by one, each to a directory of its own.");

    public static MomentException OneNameForDisks(string name, string vm, IReadOnlyList<string> disks) => new(
        ExportNameAmbiguous,
        $"Cannot export the disks of '{vm}' as '{name}': one name is for one disk, and {(disks.Count == 0 ? "none" : string.Join(", ", disks))} would be exported.",
        name,
        $"Name the disk with -Disk, or give a name each: -ExportName @{{ {string.Join("; ", disks.DefaultIfEmpty("vda").Take(2).Select(disk => $"{disk} = '{name}-{disk}'"))} }}.");

    public static MomentException BadQmpArguments(string where, string why) => new(
        QmpArgumentsNotJson,
        $"The arguments of the QMP command cannot be written as JSON: {where} {why}.",
        where,
        "Use strings, numbers, booleans, $null, arrays and hashtables with string keys.");
}
