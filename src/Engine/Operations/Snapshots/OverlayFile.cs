using System.Text;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>The file of a new layer: made by us, owned like the one beneath, and unlinked only while it is still that very file.</summary>
internal static class OverlayFile
{
    public const string Format = "qcow2";

    // The longest name that Linux's file systems have, in bytes.
    private const int LongestName = 255;
    private const string Extension = "." + Format;

    /// <summary>A free path beside a base: DISK.DOMAINID.NAME.qcow2, numbered where that is taken.</summary>
    /// <param name="basePath">The layer beneath; what an earlier name of this kind added to the disk's own is left out.</param>
    /// <param name="domain">The domain's UUID.</param>
    /// <param name="name">What the layer begins with: a snapshot's or a branch's name.</param>
    /// <param name="taken">Paths that are as good as taken: of the other disks of the same operation.</param>
    public static string PathFor(string basePath, Guid domain, string name, IReadOnlySet<string>? taken = null) => PathFor(basePath, domain, name, Extension, taken);

    /// <summary>The same for another kind of file.</summary>
    public static string PathFor(string basePath, Guid domain, string name, string extension, IReadOnlySet<string>? taken = null)
    {
        string id = "." + domain.ToString("N")[..8] + ".", disk = Path.GetFileName(basePath);
        int made = disk.IndexOf(id, StringComparison.Ordinal);
        disk = made > 0 ? disk[..made] : Path.GetExtension(disk) is ".qcow2" or ".img" or ".raw" or ".qcow" ? Path.GetFileNameWithoutExtension(disk) : disk;
        string directory = Path.GetDirectoryName(basePath)!;
        for (int number = 1; ; number++)
        {
            string end = (number == 1 ? "" : $"-{number}") + extension;
            string path = Path.Combine(directory, Cut(Cut(disk, LongestName / 2) + id + name, LongestName - Encoding.UTF8.GetByteCount(end)) + end);
            if (!Path.Exists(path) && taken?.Contains(path) != true)
                return path;
        }
    }

    /// <summary>Makes an empty layer on a backing file, flushed. Where that fails, nothing of it stays.</summary>
    /// <param name="session">Whose QEMU or storage daemon writes the image.</param>
    /// <param name="jobPrefix">How the job is called: it bears the operation's id.</param>
    /// <param name="path">Where no file is yet.</param>
    /// <param name="backingPath">The absolute path that the image is to name.</param>
    /// <param name="backingFormat">Its format.</param>
    /// <param name="size">The virtual size in bytes.</param>
    /// <param name="modelPath">The file whose owner, group and mode it gets.</param>
    /// <param name="cancellation">Stops the making.</param>
    /// <returns>The layer, without the id of the one beneath.</returns>
    public static async Task<TrackingLayer> CreateAsync(
        BlockSession session, string jobPrefix, string path, string backingPath, string backingFormat, long size, string modelPath, CancellationToken cancellation)
    {
        LayerFacts? facts = null;
        try
        {
            using (FileStream file = OwnedFile.Create(path))
            {
                facts = FactsOf(path, backingPath, backingFormat);
                OwnedFile.Model(file.SafeFileHandle, modelPath);
            }

            await FormatAsync(session, jobPrefix, path, backingPath, backingFormat, size, cancellation);
            await FlushAsync(path);
            return new TrackingLayer(MomentIds.New(), path, null, Facts: facts) { Made = true };
        }
        catch
        {
            if (facts is not null)
                TryRemove(path, facts);
            throw;
        }
    }

    // A longer chain would be made, and then not be opened any more when the machine starts again.
    private static async Task RequireRoomAsync(string path, string backingPath, string backingFormat, CancellationToken cancellation)
    {
        int images = 1;
        for (string? at = backingPath, format = backingFormat; at is not null && format == Format; images++)
        {
            if (images > ChainOpener.MaximumDepth)
                throw SnapshotCreationErrors.ChainFull(path, backingPath, ChainOpener.MaximumDepth);
            Qcow2Header header = await DiskChain.HeaderAsync(at, cancellation);
            (at, format) = (header.BackingFile is { } backing ? BackingName.Resolve(at, backing) : null, header.BackingFormat);
        }
    }

    /// <summary>Makes an empty file a layer on a backing file; not flushed.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public static Task FormatAsync(
        BlockSession session, string jobPrefix, string path, string backingPath, string backingFormat, long size, CancellationToken cancellation) =>
        FormatAsync(session.Jobs, jobPrefix, path, backingPath, backingFormat, size, cancellation);

    /// <inheritdoc cref="CreateAsync"/>
    public static async Task FormatAsync(
        QmpJobs jobs, string jobPrefix, string path, string backingPath, string backingFormat, long size, CancellationToken cancellation)
    {
        await RequireRoomAsync(path, backingPath, backingFormat, cancellation);
        try
        {
            await jobs.BlockdevCreateAsync(
                jobPrefix + "-create",
                new JsonObject
                {
                    ["driver"] = Format,
                    ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path },
                    ["size"] = size,
                    ["backing-file"] = backingPath,
                    ["backing-fmt"] = backingFormat,
                },
                cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpJobFailed || refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw SnapshotCreationErrors.OverlayFailed(path, refused);
        }
    }

    /// <summary>Brings a file and its name to stable storage.</summary>
    public static Task FlushAsync(string path) => Task.Run(() =>
    {
        DurableFile.FlushFile(path);
        DurableFile.FlushDirectory(DurableFile.DirectoryOf(path));
    });

    /// <summary>Unlinks a file, if it is the one that was recorded, and makes that durable.</summary>
    /// <returns>Whether it is gone: false where another file lies there, which is left alone.</returns>
    public static bool Remove(string path, LayerFacts facts)
    {
        if (FileStamp.Of(path) is not { } stamp)
            return !Path.Exists(path);
        if (stamp.Device != facts.Device || stamp.Inode != facts.Inode)
            return false;
        DurableFile.Delete(path);
        return true;
    }

    /// <summary>The same where another failure is to be told.</summary>
    public static void TryRemove(string path, LayerFacts facts)
    {
        try
        {
            Remove(path, facts);
        }
        catch (MomentException)
        {
            // The failure that led here is the one to report.
        }
    }

    /// <summary>What a new file is.</summary>
    public static LayerFacts FactsOf(string path, string backingPath, string backingFormat) => FileStamp.Of(path) is { } stamp
        ? new LayerFacts(Format, stamp.Device, stamp.Inode, backingPath, backingFormat, null, null)
        : throw FileErrors.From(new IOException("the system does not describe it"), "look at", path);

    // Never within a character.
    private static string Cut(string text, int bytes)
    {
        while (Encoding.UTF8.GetByteCount(text) > bytes)
            text = text[..^(char.IsLowSurrogate(text[^1]) ? 2 : 1)];
        return text;
    }
}
