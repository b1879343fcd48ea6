using MomentTools.Files;

namespace MomentTools.Qcow2;

/// <summary>Admits only the files of a list, links followed on both sides.</summary>
internal sealed class PathListImageGate(IEnumerable<string> paths) : IImageGate
{
    private readonly List<string> _paths = [.. paths];

    public string Admit(string overlayPath, string backingFile, string? backingFormat)
    {
        string path = BackingName.Resolve(overlayPath, backingFile);
        string file = BackingName.Real(path);
        return _paths.Exists(known => Libc.RealPath(known) == file)
            ? path
            : throw Qcow2Errors.BackingRefused(overlayPath, backingFile, $"'{file}' is not one of the disk's known files");
    }
}
