using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>The time that no program can set: when a file's content, owner, permissions or links changed last.</summary>
internal static partial class Libc
{
    /// <summary>The change time (<c>stx_ctime</c>) of a regular file; null for anything else, and where it cannot be known.</summary>
    public static DateTimeOffset? LastChange(string path)
    {
        const int atCurrentDirectory = -100, size = 256, modeAt = 28, changedAt = 96, kind = 0xF000, regular = 0x8000;
        const uint typeAndChange = 0x81;
        Span<byte> stat = stackalloc byte[size];
        if (StatExtended(atCurrentDirectory, path, 0, typeAndChange, ref MemoryMarshal.GetReference(stat)) != 0
            || (MemoryMarshal.Read<uint>(stat) & typeAndChange) != typeAndChange || (MemoryMarshal.Read<ushort>(stat[modeAt..]) & kind) != regular)
            return null;
        long seconds = MemoryMarshal.Read<long>(stat[changedAt..]);
        uint nanoseconds = MemoryMarshal.Read<uint>(stat[(changedAt + sizeof(long))..]);
        return DateTimeOffset.UnixEpoch.AddTicks(checked(seconds * TimeSpan.TicksPerSecond + nanoseconds / 100));
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int StatExtended(int directory, string path, int flags, uint mask, ref byte result);
}
