using System.Globalization;
using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>Directories that only their owner may enter, whatever the umask says.</summary>
internal static class PrivateDirectory
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Sticky = UnixFileMode.StickyBit;
    private const uint Root = 0;

    /// <summary>Makes the directory and those above it where they are missing. One that is there and this user's is closed to others.</summary>
    public static void Make(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("QEMU is driven through Unix sockets and /proc.");
        try
        {
            Stack<string> missing = new();
            for (string? at = Path.GetFullPath(path); at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at))
                missing.Push(at);
            // One by one: the system's own way gives those above the usual mode.
            foreach (string level in missing)
                Directory.CreateDirectory(level, OwnerOnly);
            if (Libc.Owner(path) is { } owner && owner.User == Libc.EffectiveUser() && owner.Mode != OwnerOnly)
                File.SetUnixFileMode(path, OwnerOnly);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "make the directory", path);
        }
    }

    /// <summary>
    /// Makes a directory for sockets. Who could put another directory in its place would be the machine's monitor from then on: so it is this
    /// user's, and all above it, and each link that leads to it, belongs to this user or to root and cannot be changed by everybody.
    /// </summary>
    /// <exception cref="Errors.MomentException"><c>SocketDirectoryUnsafe</c>.</exception>
    public static void MakeForSockets(string path)
    {
        Make(path);
        string given = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string real = Libc.RealPath(given) ?? throw FileErrors.From(new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError()), "find", path);
        uint self = Libc.EffectiveUser();
        foreach (string at in Upwards(real).Union(Upwards(given), StringComparer.Ordinal))
        {
            if (Libc.Owner(at, follow: false) is not { } owner)
                throw FileErrors.From(new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError()), "look at", at);
            if (owner.User != self && (owner.User != Root || at == real))
                throw FileErrors.UnsafeForSockets(path, at, string.Create(CultureInfo.InvariantCulture, $"belongs to the user {owner.User}"));
            // In a sticky directory nobody may rename what is another's; a link has no permissions of its own.
            if (Libc.KindOf(at) != FileKind.Link && owner.Mode.HasFlag(UnixFileMode.OtherWrite) && !owner.Mode.HasFlag(Sticky))
                throw FileErrors.UnsafeForSockets(path, at, "may be written to by everybody");
        }
    }

    private static IEnumerable<string> Upwards(string path)
    {
        for (string? at = path; at is not null; at = Path.GetDirectoryName(at))
            yield return at;
    }
}
