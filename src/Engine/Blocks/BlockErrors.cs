using System.Globalization;
using MomentTools.Errors;

namespace MomentTools.Blocks;

/// <summary>What can go wrong between two disks.</summary>
internal static class BlockErrors
{
    public static readonly ErrorId CopyTargetTooSmall = new("CopyTargetTooSmall", ErrorKind.InvalidArgument);
    public static readonly ErrorId CopyTargetMisaligned = new("CopyTargetMisaligned", ErrorKind.InvalidArgument);
    public static readonly ErrorId ComparedLengthsDiffer = new("ComparedLengthsDiffer", ErrorKind.InvalidArgument);

    public static MomentException LengthsDiffer(long left, long right) =>
        new(ComparedLengthsDiffer, string.Create(CultureInfo.InvariantCulture, $"Cannot compare a disk of {left} bytes with one of {right} bytes."), null,
            "Compare disks of the same size.");

    public static MomentException TargetTooSmall(long source, long target) =>
        new(CopyTargetTooSmall, string.Create(CultureInfo.InvariantCulture, $"Cannot copy a disk of {source} bytes into one of {target} bytes."), null,
            "Make the target at least as large as the source.");

    public static MomentException TargetMisaligned(long source, long target, int alignment) =>
        new(CopyTargetMisaligned, string.Create(CultureInfo.InvariantCulture,
                $"Cannot copy a disk of {source} bytes into one of {target} bytes: the target takes whole blocks of {alignment} bytes, and the source ends within one."),
            null, "Make the target exactly as large as the source, or the source a multiple of the target's blocks.");
}
