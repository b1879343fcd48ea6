using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace MomentTools.Machines;

/// <summary>Tells block devices from files, since QEMU has a driver for each.</summary>
internal static partial class BlockDevices
{
    private const int FromCurrentDirectory = -100;
    private const uint WantType = 1;
    private const int BufferLength = 256;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int BlockType = 0x6000;

    /// <summary>Whether the path leads to a block device (statx(2), the layout of which is the same on every architecture).</summary>
    public static unsafe bool Is(string path)
    {
        byte* buffer = stackalloc byte[BufferLength];
        if (StatX(FromCurrentDirectory, path, 0, WantType, buffer) != 0)
            return false;
        ReadOnlySpan<byte> mode = new(buffer + ModeOffset, sizeof(ushort));
        return ((BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(mode) : BinaryPrimitives.ReadUInt16BigEndian(mode)) & TypeMask) == BlockType;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);
}
