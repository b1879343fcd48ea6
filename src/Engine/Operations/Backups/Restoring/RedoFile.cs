using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Nbd;
using MomentTools.Operations.Snapshots;
using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// What an in-place restore is about to write to a disk: a qcow2 image beside it, in which exactly these blocks are stored. Once it is whole
/// the disk can be written as often as it takes, without the repository.
/// </summary>
/// <param name="Disk">The disk's name.</param>
/// <param name="DiskPath">The image that is written: the active layer.</param>
/// <param name="Path">The redo file.</param>
/// <param name="Inode">The image's inode; 0 for a device of the host, and in notes of older versions.</param>
/// <param name="Mark">The mark of the recorded state in the image, or null: it is not tracked.</param>
internal sealed record RedoFile(string Disk, string DiskPath, string Path, ulong Inode = 0, string? Mark = null)
{
    public const string Extension = ".restore.qcow2";

    /// <summary>The grain in which blocks are compared, stored and freed: the clusters of the backups and of most images.</summary>
    public const int Grain = 64 << 10;

    /// <summary>Where a disk's redo file is to lie; nothing is made yet.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="place">The domain.</param>
    /// <param name="uuid">The domain's.</param>
    /// <param name="id">The operation.</param>
    /// <param name="mark">The mark that the disk's image bears if it is the recorded one, or null.</param>
    public static RedoFile For(SessionDisk disk, DomainPlace place, Guid uuid, string id, string? mark)
    {
        // Beside a device of the host no file can be.
        bool device = Libc.IsBlockDevice(disk.Path);
        string model = device ? System.IO.Path.Combine(place.StateDirectory, disk.Name) : disk.Path;
        return new RedoFile(
            disk.Name, disk.Path, OverlayFile.PathFor(model, uuid, id, Extension), device ? 0 : FileStamp.Of(disk.Path)?.Inode ?? 0, disk.Bitmaps.Any(bitmap => bitmap.Name == mark) ? mark : null);
    }

    public JsonObject ToJson() => new() { ["disk"] = Disk, ["diskPath"] = DiskPath, ["path"] = Path, ["inode"] = Inode, ["mark"] = Mark };

    public static RedoFile FromJson(JsonObject json) =>
        new((string)json["disk"]!, (string)json["diskPath"]!, (string)json["path"]!, (ulong?)json["inode"] ?? 0, (string?)json["mark"]);

    /// <summary>Whether a disk still has the image that was being written. Parts of a backup in any other would make a mixture of it.</summary>
    public bool IsOf(SessionDisk disk) =>
        (Inode == 0 || FileStamp.Of(disk.Path)?.Inode == Inode) && (Mark is null || disk.Bitmaps.Any(bitmap => bitmap.Name == Mark));

    /// <summary>Makes the file and stores these blocks of the source in it, on stable storage.</summary>
    public async Task WriteAsync(BlockSession session, IBlockReader source, ExtentMap blocks, IProgress<long>? progress, CancellationToken cancellation)
    {
        await using (FileStream made = OwnedFile.Create(Path))
            Model(made.SafeFileHandle);
        string node = DiskChain.NodePrefix(Disk) + "-redo";
        JsonObject file = File(node, Path);
        await session.Qmp.BlockdevAddAsync(file, cancellation);
        await session.Jobs.BlockdevCreateAsync(node, new JsonObject { ["driver"] = "qcow2", ["file"] = (string)file["node-name"]!, ["size"] = source.Length }, cancellation);
        await session.Qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "qcow2", ["node-name"] = node, ["file"] = (string)file["node-name"]! }, cancellation);
        await using (SessionExports exports = session.OpenExports(cancellation))
        {
            NbdClient target = await exports.ConnectAsync(node, [], [], cancellation, writable: true);
            await new BlockCopier(source, target, new BlockCopyOptions { Blocks = blocks, ZeroGrain = Grain }).RunAsync(progress, cancellation);
        }

        await session.Qmp.BlockdevDelAsync(node, cancellation);
        await session.Qmp.BlockdevDelAsync((string)file["node-name"]!, cancellation);
        DurableFile.FlushFile(Path);
        DurableFile.FlushDirectory(System.IO.Path.GetDirectoryName(Path)!);
        // What its tables met when they were written at the end QMP does not tell.
        await using Qcow2Chain redo = await OpenAsync(cancellation);
        if (!blocks.Equals(await StoredAsync(redo, cancellation)))
            throw InPlaceErrors.RedoLost(this, "its tables could not be written whole");
    }

    /// <summary>Writes what is stored in it to the disk; zeroes free their room. Doing it again does no harm.</summary>
    /// <param name="exports">Those of the session that has the disk open.</param>
    public async Task<BlockCopyResult> ApplyAsync(BlockSession session, SessionExports exports, IProgress<long>? progress, CancellationToken cancellation)
    {
        SessionDisk disk = session.Disks[Disk];
        await using Qcow2Chain redo = await OpenAsync(cancellation);
        if (disk.Path != DiskPath || redo.Length != disk.VirtualSize)
            throw InPlaceErrors.RedoLost(this, $"disk '{Disk}' is '{disk.Path}' with {disk.VirtualSize} bytes now");
        NbdClient target = await exports.ConnectAsync(disk.NodeName, [], [], cancellation, writable: true);
        return await new BlockCopier(redo, target, new BlockCopyOptions { Blocks = await StoredAsync(redo, cancellation) }).RunAsync(progress, cancellation);
    }

    /// <summary>How many bytes are stored in it.</summary>
    public async Task<long> LengthAsync(CancellationToken cancellation)
    {
        await using Qcow2Chain redo = await OpenAsync(cancellation);
        return (await StoredAsync(redo, cancellation)).TotalLength;
    }

    /// <summary>Removes the file. No other has the operation's id in its name, so no time is asked: a clock that was set back would leave it for ever.</summary>
    public void Remove() => DurableFile.Delete(Path);

    private async Task<Qcow2Chain> OpenAsync(CancellationToken cancellation)
    {
        try
        {
            return await Qcow2Chain.OpenAsync(Path, new PathListImageGate([Path]), cancellation);
        }
        catch (MomentException failure)
        {
            throw InPlaceErrors.RedoLost(this, failure.Message.TrimEnd('.'), failure);
        }
    }

    private static async Task<ExtentMap> StoredAsync(Qcow2Chain redo, CancellationToken cancellation)
    {
        var stored = new ExtentMapBuilder();
        await foreach (BlockStatus run in redo.StatusAsync(0, redo.Length, cancellation))
            if (run.Kind != BlockKind.Unallocated)
                stored.Add(run.Offset, run.Length);
        return stored.Build();
    }

    private void Model(SafeFileHandle made)
    {
        // Who may read the disk may read what is written to it; a device's mode says nothing about a file.
        if (!Libc.IsBlockDevice(DiskPath))
            OwnedFile.Model(made, DiskPath);
    }

    private static JsonObject File(string node, string path) => new()
    {
        ["driver"] = "file",
        ["filename"] = path,
        ["node-name"] = node + "-f",
        // It is flushed once it is whole.
        ["cache"] = new JsonObject { ["direct"] = false, ["no-flush"] = true },
    };
}
