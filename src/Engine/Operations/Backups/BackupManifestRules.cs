using System.Buffers;
using System.Numerics;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups;

/// <summary>The rules of each field of a manifest. A repository may come from anywhere: its names become paths, its numbers sizes.</summary>
internal static class BackupManifestRules
{
    public const int MaximumDisks = 1024;

    /// <summary>The longest text that a manifest may hold, in characters.</summary>
    public const int LongestText = 1024;

    private const int LongestDiskName = 200;
    private const string Extension = ".qcow2";

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>The first rule that the manifest breaks, without a full stop, or null.</summary>
    public static string? Broken(BackupManifest manifest)
    {
        if (manifest.Format != BackupManifest.CurrentFormat)
            return $"its format is {manifest.Format}";
        if (!BackupId.IsValid(manifest.Id))
            return $"{XmlErrors.Quote(manifest.Id)} is no id of a backup";
        if (manifest.Parent is not null && (!BackupId.IsValid(manifest.Parent) || manifest.Parent == manifest.Id))
            return $"{XmlErrors.Quote(manifest.Parent)} cannot be its parent";
        if (manifest.Folded?.All(BackupId.IsValid) == false)
            return "what was folded into it is no id of a backup";
        if (MomentNames.DomainRule(manifest.Vm) is { } name)
            return $"{XmlErrors.Quote(manifest.Vm)} is no name of a machine: {name}";
        if (manifest.Uuid == Guid.Empty)
            return "it does not say the machine's UUID";
        if (manifest.Checkpoint is not null && MomentNames.CheckpointRule(manifest.Checkpoint) is { } checkpoint)
            return $"{XmlErrors.Quote(manifest.Checkpoint)} is no name of a checkpoint: {checkpoint}";
        foreach (string? text in (string?[])[manifest.EngineVersion, manifest.QemuVersion, manifest.Host, manifest.User, manifest.Description])
            if (text is { Length: > LongestText })
                return $"a text has {text.Length} characters";
        if (manifest.Mode is not (BackupManifest.Push or BackupManifest.Pull))
            return $"its mode {XmlErrors.Quote(manifest.Mode)} is not known";
        if (!IsHash(manifest.DomainHash) || !IsHash(manifest.Checksum))
            return "a hash is not 64 hexadecimal digits";
        return manifest.Disks.Count is 0 or > MaximumDisks ? $"it has {manifest.Disks.Count} disks" : BrokenDisk(manifest) ?? BrokenKind(manifest) ?? BrokenFirmware(manifest.Firmware);
    }

    /// <summary>The rule that a disk's name breaks as the beginning of a file's name, without a full stop, or null.</summary>
    public static string? DiskName(string name) =>
        name.Length is 0 or > LongestDiskName || name[0] is '.' or '-' || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
            ? $"{XmlErrors.Quote(name)} is no name of a disk that can be a file's name"
            : null;

    /// <summary>The name of a disk's file in a backup.</summary>
    public static string FileName(string disk) => disk + Extension;

    private static string? BrokenDisk(BackupManifest manifest)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (BackupManifestDisk? disk in manifest.Disks)
        {
            if (disk is null)
                return "a disk is null";
            if ((DiskName(disk.Name) ?? Sizes(disk) ?? Relation(disk, manifest.Id) ?? Hashes(disk)) is { } rule)
                return $"the disk {XmlErrors.Quote(disk.Name)}: {rule}";
            if (!names.Add(disk.Name))
                return $"the disk '{disk.Name}' is there twice";
        }

        return null;
    }

    private static string? BrokenKind(BackupManifest manifest)
    {
        bool full = manifest.Disks.All(disk => disk.Kind == VMBackupKind.Full), copy = manifest.Kind == VMBackupKind.Copy;
        if (manifest.Kind is not (VMBackupKind.Full or VMBackupKind.Incremental or VMBackupKind.Differential or VMBackupKind.Copy) || (!full && (copy || manifest.Kind == VMBackupKind.Full)))
            return $"its kind {manifest.Kind} does not agree with its disks";
        return copy && manifest.Checkpoint is not null || manifest.Disks.Any(disk => disk.PointId is null != copy) ? "only a copy belongs to no moment, and it does to none" : null;
    }

    private static string? BrokenFirmware(BackupManifestFirmware? firmware) => firmware switch
    {
        null => null,
        { File: not BackupManifestFirmware.FileName } => $"its firmware variables are {XmlErrors.Quote(firmware.File)} and not '{BackupManifestFirmware.FileName}'",
        { Size: < 0 or > BackupManifestFirmware.MaxBytes } => $"its firmware variables have {firmware.Size} bytes",
        _ => IsHash(firmware.Hash) ? null : "a hash is not 64 hexadecimal digits",
    };

    private static string? Relation(BackupManifestDisk disk, string id)
    {
        // Nothing else may be named, so no name can lead out of the backup's directory.
        if (disk.File != FileName(disk.Name))
            return $"its file is {XmlErrors.Quote(disk.File)} and not '{FileName(disk.Name)}'";
        if (disk.Reason is { Length: > LongestText } || disk.PointId is { Length: 0 or > LongestText })
            return "its reason or its point is no text of a usual length";
        return disk.Kind switch
        {
            VMBackupKind.Full => disk.ParentId is null ? null : "it is full and has a parent",
            VMBackupKind.Incremental when disk.ParentId is null => "it is incremental and has no parent",
            VMBackupKind.Incremental => BackupId.IsValid(disk.ParentId) && disk.ParentId != id ? null : $"{XmlErrors.Quote(disk.ParentId)} cannot be its parent",
            _ => "it is neither full nor incremental",
        };
    }

    private static string? Sizes(BackupManifestDisk disk) => disk.VirtualSize < 0 || disk.FileSize < 0 || disk.CopiedBytes < 0 || disk.Extents < 0 ? "a size is negative" : null;

    private static string? Hashes(BackupManifestDisk disk)
    {
        if (disk.HashAlgorithm != BackupManifestDisk.Sha256)
            return $"the hash algorithm {XmlErrors.Quote(disk.HashAlgorithm)} is not known";
        if (disk.HashChunkSize is < FileHashes.SmallestChunk or > FileHashes.LargestChunk || !BitOperations.IsPow2(disk.HashChunkSize))
            return $"the chunk size {disk.HashChunkSize} is not allowed";
        if (disk.ChunkHashes.Count != FileHashes.ChunkCount(disk.FileSize, disk.HashChunkSize))
            return $"it has {disk.ChunkHashes.Count} chunk hashes for {disk.FileSize} bytes";
        if (!IsHash(disk.Hash) || !disk.ChunkHashes.All(IsHash))
            return "a hash is not 64 hexadecimal digits";
        return FileHashes.Combine(disk.ChunkHashes) == disk.Hash ? null : "its hash is not that of its chunk hashes";
    }

    private static bool IsHash(string? text) => text is { Length: FileHashes.Digits } && text.AsSpan().IndexOfAnyExcept(HexDigits) < 0;
}
