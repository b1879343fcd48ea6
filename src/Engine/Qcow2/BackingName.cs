using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Qcow2;

/// <summary>The file that a name in an image means, as QEMU understands it: relative to the directory through which the image was opened.</summary>
internal static class BackingName
{
    private const string FileProtocol = "file:";

    // A name like "../ID/vda.qcow2" adds to the path at each layer, and the system takes 4,096 bytes.
    private const int Longest = 1024;

    /// <summary>The absolute path to open, links and all.</summary>
    public static string Resolve(string overlayPath, string name)
    {
        string path = name.StartsWith(FileProtocol, StringComparison.Ordinal) ? name[FileProtocol.Length..] : name;
        // What stands before a colon in the first part of a path is a protocol to QEMU (nbd:, json:, rbd:).
        int colon = path.IndexOf(':', StringComparison.Ordinal);
        if (path.Length == 0 || (colon >= 0 && !path.AsSpan(0, colon).Contains('/')))
        {
            throw new MomentException(
                Qcow2Errors.Qcow2BackingNameUnsupported, $"'{overlayPath}' names '{name}', which is not the name of a file.", overlayPath,
                "Give the backing file as a path, with 'qemu-img rebase -u -b PATH -F FORMAT'.");
        }

        // Not Path.GetFullPath, which takes "link/.." for nothing where the system follows the link first.
        string directory = Path.GetDirectoryName(Path.Combine(Environment.CurrentDirectory, overlayPath)) ?? "/";
        string combined = Path.Combine(directory, path);
        return combined.Length > Longest ? FilePath.Real(combined) : combined;
    }

    /// <summary>The file itself: the path without links and dots. The file has to be there.</summary>
    public static string Real(string path) =>
        Libc.RealPath(path) ?? throw FileErrors.From(ImageFile.LastFailure(), "find", path);
}
