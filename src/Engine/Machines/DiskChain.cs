using System.Security.Cryptography;
using System.Text;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>The layers that a stopped disk stands on, as its images say; formats are read, never probed.</summary>
internal static class DiskChain
{
    // QEMU's node names have 31 characters; with "mt-" before, "-200" and "-f" behind, this fits.
    private const int LongestTarget = 20;

    /// <summary>How the names of a disk's nodes begin: "mt-vda".</summary>
    public static string NodePrefix(string target) =>
        target.Length <= LongestTarget && target.All(char.IsAsciiLetterOrDigit)
            ? "mt-" + target
            // A target with a hyphen could else be taken for a layer of another disk.
            : "mt-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(target)).AsSpan(0, LongestTarget / 2));

    /// <summary>The layers of a disk, the top first; all but the top are read-only, and the top where the disk is or where that is asked.</summary>
    public static async Task<IReadOnlyList<ImageLayer>> ResolveAsync(string vm, DomainDisk disk, bool readOnly, CancellationToken cancellation)
    {
        string path = disk.SourcePath ?? throw DiskErrors.WithoutFile(vm, disk);
        string format = disk.Format ?? throw DiskErrors.FormatUnknown(vm, disk.Target);
        if (!path.StartsWith('/'))
            throw DiskErrors.PathRelative(vm, disk.Target, path);
        string prefix = NodePrefix(disk.Target);
        List<ImageLayer> layers = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (string? above = null; ;)
        {
            if (format is not ("qcow2" or "raw"))
                throw DiskErrors.FormatUnsupported(vm, disk.Target, format);
            if (!File.Exists(path))
                throw DiskErrors.Missing(vm, disk.Target, path, above);
            if (!seen.Add(BackingName.Real(path)) || layers.Count > ChainOpener.MaximumDepth)
                throw new MomentException(
                    Qcow2Errors.Qcow2ChainLoop, $"Disk '{disk.Target}' of domain '{vm}': '{above}' names '{path}' as its backing file, and the chain has no end.", disk.Target,
                    "Give the image its true backing file with 'qemu-img rebase -u'.");
            string node = layers.Count == 0 ? prefix : $"{prefix}-{layers.Count}";
            layers.Add(new ImageLayer(node, path, format, readOnly || disk.ReadOnly || layers.Count > 0, Libc.IsBlockDevice(path)));
            if (format == "raw")
                return layers;
            Qcow2Header header = await HeaderAsync(path, cancellation);
            // QEMU opens it by the image's word alone.
            if (header is { HasDataFile: true, DataFile: { } data } && !ImagePlace.IsBeside(path, BackingName.Resolve(path, data)))
                throw DiskErrors.DataFileForeign(vm, disk.Target, path, data);
            if (header.BackingFile is not { } backing)
                return layers;
            format = header.BackingFormat ?? throw new MomentException(
                Qcow2Errors.Qcow2BackingFormatMissing, $"Disk '{disk.Target}' of domain '{vm}': '{path}' names the backing file '{backing}' without its format, and a format is never guessed.", disk.Target,
                "Say it with 'qemu-img rebase -u -b BACKING -F FORMAT' once the image is not in use.");
            above = path;
            path = BackingName.Resolve(path, backing);
        }
    }

    /// <summary>The header of a qcow2 image, whoever has it open.</summary>
    public static async Task<Qcow2Header> HeaderAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        return image.Header;
    }
}
