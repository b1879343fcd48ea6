using MomentTools.Files;

namespace MomentTools.Machines;

/// <summary>Where a file lies that an image names. An image may come from anywhere: that it names a file of the host is no reason to open it.</summary>
internal static class ImagePlace
{
    private const string Devices = "/dev/";

    /// <summary>Whether the file lies beside the image that names it or below, links followed. Of devices none lies beside another.</summary>
    public static bool IsBeside(string image, string named)
    {
        string real = Libc.RealPath(named) ?? Path.GetFullPath(named);
        return !real.StartsWith(Devices, StringComparison.Ordinal)
            && ((string[])[Path.GetFullPath(image), FilePath.Real(image)]).Any(path => Libc.RealPath(Path.GetDirectoryName(path)!) is { Length: > 1 } folder && real.StartsWith(folder + "/", StringComparison.Ordinal));
    }
}
