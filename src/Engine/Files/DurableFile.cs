using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>
/// Writes files so that a crash at any instant leaves the old content or the new one, never a mixture:
/// temporary name in the same directory, flush, rename, flush of the directory.
/// </summary>
internal static class DurableFile
{
    private const string TemporaryPrefix = ".mt-";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    // What the umask leaves of it.
    private const UnixFileMode Everybody = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <param name="shared">Whether others may read it, as far as the umask lets them; else it is its owner's alone.</param>
    public static void Write(string path, ReadOnlySpan<byte> content, bool shared = false)
    {
        string temporary = WriteTemporary(path, content, shared: shared);
        try
        {
            File.Move(temporary, path, overwrite: true);
            FlushDirectory(DirectoryOf(path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw FileErrors.From(failure, "write", path);
        }
    }

    /// <summary>
    /// Writes a file that nothing refers to before this returns, and that tells by its content whether it is whole: under its own name,
    /// never onto a file that is there.
    /// </summary>
    /// <param name="shared">Whether others may read it, as far as the umask lets them; else it is its owner's alone.</param>
    public static void WriteNew(string path, ReadOnlySpan<byte> content, bool shared = false)
    {
        Create(path, path, content, flush: true, shared);
        FlushDirectory(DirectoryOf(path));
    }

    /// <summary>
    /// Writes and deletes (null) several files, each old or new after a crash. All new content is stable before the first name changes;
    /// then each directory is flushed once.
    /// </summary>
    /// <param name="done">Told each path when its name has changed.</param>
    public static void WriteAll(IReadOnlyList<(string Path, byte[]? Content)> files, Action<string>? done)
    {
        using StagedFiles staged = StagedFiles.Stage(files);
        staged.Apply(done);
    }

    /// <summary>Removes the file, if it is there, and makes the removal durable.</summary>
    public static void Delete(string path)
    {
        try
        {
            File.Delete(path);
            if (Path.GetDirectoryName(path) is { } directory && Directory.Exists(directory))
                FlushDirectory(directory);
        }
        catch (Exception failure) when (failure is IOException and not DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "delete", path);
        }
    }

    /// <summary>Gives a file, or a directory in a file's place, another name, never onto one that is there, and makes that durable.</summary>
    public static void Move(string from, string to)
    {
        try
        {
            if (Directory.Exists(from))
                Directory.Move(from, to);
            else
                File.Move(from, to, overwrite: false);
            FlushDirectory(DirectoryOf(to));
            FlushDirectory(DirectoryOf(from));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "set aside", from);
        }
    }

    /// <summary>Makes the names in a directory durable (<c>fsync</c> of the directory).</summary>
    public static void FlushDirectory(string directory) => Flush(directory, Libc.ReadOnly | Libc.Directory | Libc.CloseOnExec);

    /// <summary>Makes a file's content durable that another process wrote (<c>fsync</c> works on the file, whoever wrote).</summary>
    public static void FlushFile(string path) => Flush(path, Libc.ReadOnly | Libc.CloseOnExec);

    /// <summary>Makes all that was written to the file system of a directory durable (<c>syncfs</c>).</summary>
    public static void FlushFileSystem(string directory) => Flush(directory, Libc.ReadOnly | Libc.Directory | Libc.CloseOnExec, Libc.FlushFileSystem);

    /// <summary>Whether a name is one that <see cref="Write"/> uses for files not yet complete.</summary>
    public static bool IsTemporary(string path) => Path.GetFileName(path).StartsWith(TemporaryPrefix, StringComparison.Ordinal);

    private static void Flush(string path, int flags) => Flush(path, flags, Libc.Flush);

    private static void Flush(string path, int flags, Func<int, int> flush)
    {
        int descriptor = Libc.Open(path, flags);
        try
        {
            if (descriptor < 0 || flush(descriptor) != 0)
                throw FileErrors.From(new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError()), "flush", path);
        }
        finally
        {
            if (descriptor >= 0)
                _ = Libc.Close(descriptor);
        }
    }

    internal static string DirectoryOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    /// <summary>Removes what writers left that died before they gave it its name. The caller knows that nobody writes there now.</summary>
    public static void Sweep(string directory)
    {
        try
        {
            foreach (string path in Directory.EnumerateFiles(directory, TemporaryPrefix + "*", SearchOption.AllDirectories).ToArray())
                File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "remove what was left in", directory);
        }
    }

    /// <summary>Writes content under a temporary name beside the final one. Short on purpose: the final one may be as long as the file system allows.</summary>
    internal static string WriteTemporary(string path, ReadOnlySpan<byte> content, bool flush = true, bool shared = false)
    {
        string temporary = Path.Combine(DirectoryOf(path), TemporaryPrefix + Guid.NewGuid().ToString("N")[..12]);
        Create(temporary, path, content, flush, shared);
        return temporary;
    }

    private static void Create(string path, string what, ReadOnlySpan<byte> content, bool flush, bool shared)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("QEMU is driven through Unix sockets and /proc.");
        bool made = false;
        try
        {
            using var stream = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, UnixCreateMode = shared ? Everybody : OwnerOnly,
            });
            made = true;
            stream.Write(content);
            stream.Flush(flushToDisk: flush);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (made)
                TryDelete(path);
            throw FileErrors.From(failure, "write", what);
        }
    }

    internal static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to report; the name marks the file as incomplete.
        }
    }
}
