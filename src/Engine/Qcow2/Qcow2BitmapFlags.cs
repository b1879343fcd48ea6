namespace MomentTools.Qcow2;

/// <summary>The flags of a stored bitmap (specification: "Bitmap directory").</summary>
[Flags]
internal enum Qcow2BitmapFlags : uint
{
    None = 0,

    /// <summary>Opened for writing and not saved since: its content is not to be trusted.</summary>
    InUse = 1,

    /// <summary>Enabled when the image is opened: it records.</summary>
    Auto = 2,

    /// <summary>Usable even by programs that do not understand its extra data.</summary>
    ExtraDataCompatible = 4,
}
