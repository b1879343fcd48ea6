using System.Security.Cryptography;

namespace MomentTools.Moments;

/// <summary>Ids of points, layers, segments and operations: short, random, fit for file names and QEMU's names.</summary>
internal static class MomentIds
{
    /// <summary>How all bitmaps of ours are named but those of checkpoints.</summary>
    public const string BitmapPrefix = "mt-";

    public static string New() => RandomNumberGenerator.GetHexString(12, lowercase: true);
}
