using MomentTools.Operations.Backups;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>Sound manifests that no files belong to.</summary>
internal static class SampleManifest
{
    public static readonly Guid Uuid = new("0f6a7f3e-53a4-4a38-9e0b-0c3f5a2c6d11");

    private static readonly string SomeHash = new('a', 64);

    public static string Id(int number) => BackupId.New(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(number), null)[..^4] + "0000";

    public static BackupManifest Of(int number, params BackupManifestDisk[] disks) => new()
    {
        Id = Id(number),
        Vm = "web1",
        Uuid = Uuid,
        Created = new DateTimeOffset(2026, 1, 1, 12, 30, 15, 123, TimeSpan.FromHours(2)),
        Checkpoint = "monday",
        EngineVersion = "0.1.0",
        QemuVersion = "7.2.22",
        Host = "höst",
        User = "root",
        DomainHash = SomeHash,
        Checksum = SomeHash,
        Disks = disks.Length == 0 ? [Disk("vda"), Disk("vdb", parent: 77)] : disks,
    };

    /// <param name="parent">The number of the backup that it stands on, or null for a full one.</param>
    public static BackupManifestDisk Disk(string name, int? parent = null)
    {
        string[] chunks = [SomeHash, new('0', 64)];
        return new BackupManifestDisk
        {
            Name = name,
            Kind = parent is null ? VMBackupKind.Full : VMBackupKind.Incremental,
            Reason = parent is null ? "the first backup" : null,
            File = name + ".qcow2",
            ParentId = parent is { } number ? Id(number) : null,
            VirtualSize = 1 << 30,
            FileSize = (4 << 20) + 1,
            CopiedBytes = 65536,
            PointId = "p1",
            ChunkHashes = chunks,
            Hash = FileHashes.Combine(chunks),
        };
    }
}
