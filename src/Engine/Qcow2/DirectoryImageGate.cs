namespace MomentTools.Qcow2;

/// <summary>Admits only files that lie below one directory once all links are followed.</summary>
internal sealed class DirectoryImageGate(string directory) : IImageGate
{
    public string Admit(string overlayPath, string backingFile, string? backingFormat)
    {
        string path = BackingName.Resolve(overlayPath, backingFile);
        string file = BackingName.Real(path);
        string root = BackingName.Real(directory);
        return file.StartsWith(root.EndsWith('/') ? root : root + '/', StringComparison.Ordinal)
            ? path
            : throw Qcow2Errors.BackingRefused(overlayPath, backingFile, $"'{file}' is not below '{root}'");
    }
}
