using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>The qcow2 file that one disk is stored in, opened in QEMU or a storage daemon under names that bear the operation's id.</summary>
/// <param name="Path">The file.</param>
/// <param name="NodeName">QEMU's node of the format; the file's is called by it, with "-f" behind.</param>
/// <param name="VirtualSize">Bytes of the disk.</param>
/// <param name="BackingName">What the file names as its backing file (qcow2), or null for none.</param>
internal sealed record BackupTarget(string Path, string NodeName, long VirtualSize, string? BackingName)
{
    public string JobId => NodeName + "-job";

    /// <summary>Whether written zeroes are looked for and stored as such; only for a file without a backing file.</summary>
    public bool DetectZeroes { get; init; }

    /// <summary>The image that the writing QEMU can write to, where that may be another user's; the new file is made as that one is.</summary>
    public string? ModelPath { get; init; }

    private string FileNode => NodeName + "-f";

    /// <summary>
    /// Makes and opens the file. The backing file is only named in it: what lies beneath must not be read while it is written. Nothing
    /// waits for the device: what is written is flushed once, before it is published.
    /// </summary>
    public async Task OpenAsync(QmpJobs jobs, CancellationToken cancellation)
    {
        string job = NodeName + "-create";
        // QEMU makes its files for everybody to read; one that is there it takes as it is.
        using (FileStream made = OwnedFile.Create(Path))
            if (ModelPath is not null)
                OwnedFile.Model(made.SafeFileHandle, ModelPath);
        await jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = "file", ["filename"] = Path, ["size"] = 0 }, cancellation);
        await jobs.Client.BlockdevAddAsync(
            new JsonObject { ["driver"] = "file", ["node-name"] = FileNode, ["filename"] = Path, ["cache"] = new JsonObject { ["no-flush"] = true } }, cancellation);
        var format = new JsonObject { ["driver"] = "qcow2", ["file"] = FileNode, ["size"] = VirtualSize };
        if (BackingName is not null)
        {
            format["backing-file"] = BackingName;
            format["backing-fmt"] = "qcow2";
        }

        await jobs.BlockdevCreateAsync(job, format, cancellation);
        await jobs.Client.BlockdevAddAsync(
            new JsonObject { ["driver"] = "qcow2", ["node-name"] = NodeName, ["file"] = FileNode, ["backing"] = null, ["detect-zeroes"] = DetectZeroes ? "on" : "off" }, cancellation);
    }

    /// <summary>Closes the file, which writes out its tables.</summary>
    public async Task CloseAsync(QmpJobs jobs, CancellationToken cancellation)
    {
        await jobs.Client.BlockdevDelAsync(NodeName, cancellation);
        await jobs.Client.BlockdevDelAsync(FileNode, cancellation);
    }
}
