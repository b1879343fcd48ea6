using MomentTools.Files;

namespace MomentTools.Qcow2;

/// <summary>
/// Admits only the files of a list, links followed on both sides, and gives each by its path in the list: names that are relative to each
/// other would make a path longer from layer to layer, until the system takes it no more.
/// </summary>
internal sealed class PathListImageGate(IEnumerable<string> paths) : IImageGate
{
    private readonly string[] _paths = [.. paths];
    private Dictionary<string, string>? _real;

    public string Admit(string overlayPath, string backingFile, string? backingFormat)
    {
        string file = BackingName.Real(BackingName.Resolve(overlayPath, backingFile));
        _real ??= Known();
        return _real.GetValueOrDefault(file) ?? throw Qcow2Errors.BackingRefused(overlayPath, backingFile, $"'{file}' is not one of the disk's known files");
    }

    private Dictionary<string, string> Known()
    {
        Dictionary<string, string> known = new(StringComparer.Ordinal);
        foreach (string path in _paths)
            if (Libc.RealPath(path) is { } real)
                known.TryAdd(real, path);
        return known;
    }
}
