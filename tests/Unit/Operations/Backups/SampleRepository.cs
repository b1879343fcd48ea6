using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>
/// A repository with backups made by qemu-img and qemu-io as QEMU's jobs make them, and for each backup of each disk the
/// raw content it has to show.
/// </summary>
internal sealed class SampleRepository : IDisposable
{
    public const string Vm = "web1";
    public const int Size = 48 << 20;

    public static readonly Guid Uuid = new("8a8d6d2e-4e2b-4e2f-9f0e-7a3d5c1b2a10");

    /// <summary>The machine's document in each backup.</summary>
    public static readonly string Document = $"<domain type='kvm'><name>{Vm}</name><uuid>{Uuid}</uuid></domain>";

    private static readonly DateTimeOffset Begin = new(2026, 11, 20, 8, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, string> _newest = [];
    private int _count;

    public SampleRepository()
    {
        Tool.Require("qemu-img", "qemu-io");
        Repository = BackupRepository.Open(Scratch["repo"], create: true);
    }

    public ScratchDirectory Scratch { get; } = new();

    public BackupRepository Repository { get; }

    public RecordingReport Report { get; } = new();

    public string Domain => Repository.FindDomain(Uuid)!;

    public string Runtime => Scratch["run"];

    /// <summary>A full backup of two disks, one of vda alone, and one of both: vdb's chain skips the second.</summary>
    public static async Task<SampleRepository> WithThreeBackupsAsync()
    {
        var sample = new SampleRepository();
        await sample.AddAsync(("vda", ["write -P 1 0 9M", "write -P 2 40M 64k"]), ("vdb", ["write -P 3 1M 1M"]));
        await sample.AddAsync(("vda", ["write -P 4 512k 1M", "write -z 2M 1M", "write -P 5 20M 3k"]));
        await sample.AddAsync(("vda", ["write -P 6 47M 1M"]), ("vdb", ["write -P 7 1536k 64k", "write -P 8 30M 1M"]));
        return sample;
    }

    /// <summary>Backs up the next point of these disks, after these writes of qemu-io.</summary>
    public async Task<BackupManifest> AddAsync(params (string Disk, string[] Writes)[] disks)
    {
        string id = NextId();
        string directory = await Repository.MakeDomainAsync(Vm, Uuid, "sample", TimeSpan.FromSeconds(10), CancellationToken.None);
        await using BackupStaging staging = Repository.Stage(directory, Uuid, id, Report);
        BackupManifest published = await staging.PublishAsync(Fill(staging, id, disks), Document, CancellationToken.None);
        foreach ((string disk, _) in disks)
            _newest[disk] = id;
        return published;
    }

    public string NextId() => BackupId.New(Begin.AddHours(_count++), null);

    /// <summary>Writes the disks' files to the staging directory and gives the manifest to publish.</summary>
    public BackupManifest Fill(BackupStaging staging, string id, params (string Disk, string[] Writes)[] disks) => new()
    {
        Id = id,
        Parent = _newest.Values.Max(),
        Vm = Vm,
        Uuid = Uuid,
        Created = Begin,
        EngineVersion = "0.1.0",
        QemuVersion = "7.2.22",
        Host = "here",
        User = "someone",
        Disks = [.. disks.Select(disk => WriteDisk(staging, id, disk.Disk, disk.Writes))],
    };

    /// <summary>The raw content of a disk at a backup.</summary>
    public string Expected(string id, string disk) => Scratch[$"{id}.{disk}.raw"];

    public List<BackupManifest> Backups() => [.. Repository.Backups(Domain, broken => throw broken)];

    public Task<IReadOnlyList<VMRestoredDisk>> RestoreAsync(
        string? id, string format = "qcow2", string[]? disks = null, string destination = "out", CancellationToken cancellation = default) =>
        RunAsync(
            new RestoreBackupRequest { Repository = Repository.Root, Id = id, Destination = Scratch[destination], Format = format, Disks = disks ?? [] }, cancellation);

    public Task<IReadOnlyList<VMRestoredDisk>> RunAsync(RestoreBackupRequest request, CancellationToken cancellation = default) =>
        new RestoreOperation(new EngineContext(new DomainCatalogue(Scratch["state"], Runtime), TimeSpan.FromMinutes(2), null, GuestAgentOptions.Default), Runtime)
            .RunAsync(Vm, request, Report, cancellation);

    /// <summary>All files below a directory, with their sizes and times.</summary>
    public static string Fingerprint(string directory) => string.Join(
        '\n', new DirectoryInfo(directory).EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Select(entry => $"{entry.FullName} {(entry as FileInfo)?.Length} {entry.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal));

    public void Dispose() => Scratch.Dispose();

    private BackupManifestDisk WriteDisk(BackupStaging staging, string id, string disk, string[] writes)
    {
        string path = staging.DiskPath(disk);
        string? parent = _newest.GetValueOrDefault(disk);
        string source = Scratch[disk + ".source"];
        if (parent is null)
            Tool.Run("qemu-img", "create", "-q", "-f", "raw", source, $"{Size}");
        Write(source, "raw", writes);
        File.Copy(source, Expected(id, disk));
        if (parent is null)
        {
            Tool.Run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, path);
        }
        else
        {
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", BackupStaging.BackingName(parent, disk), "-F", "qcow2", path);
            Write(path, "qcow2", writes);
        }

        return new BackupManifestDisk
        {
            Name = disk,
            Kind = parent is null ? VMBackupKind.Full : VMBackupKind.Incremental,
            ParentId = parent,
            File = Path.GetFileName(path),
            VirtualSize = Size,
            CopiedBytes = 1,
            PointId = "p" + id,
        };
    }

    private static void Write(string path, string format, string[] writes) =>
        Tool.Run("qemu-io", ["-f", format, .. writes.SelectMany(write => (string[])["-c", write]), path]);
}
