using System.Security.Cryptography;

namespace MomentTools.Moments;

/// <summary>Ids of points, layers, segments and operations: short, random, fit for file names and QEMU's names.</summary>
internal static class MomentIds
{
    public static string New() => RandomNumberGenerator.GetHexString(12, lowercase: true);
}
