using System.Runtime.InteropServices;

namespace MomentTools.Files;

/// <summary>
/// Writes files so that a crash at any instant leaves the old content or the new one, never a mixture:
/// temporary name in the same directory, flush, rename, flush of the directory.
/// </summary>
internal static class DurableFile
{
    private const string TemporaryPrefix = ".mt-";

    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        // Short on purpose: the final name may already be as long as the file system allows.
        string temporary = Path.Combine(directory, TemporaryPrefix + Guid.NewGuid().ToString("N")[..12]);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
            FlushDirectory(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw FileErrors.From(failure, "write", path);
        }
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

    /// <summary>Makes the names in a directory durable (<c>fsync</c> of the directory).</summary>
    public static void FlushDirectory(string directory) => Flush(directory, Libc.ReadOnly | Libc.Directory | Libc.CloseOnExec);

    /// <summary>Makes a file's content durable that another process wrote (<c>fsync</c> works on the file, whoever wrote).</summary>
    public static void FlushFile(string path) => Flush(path, Libc.ReadOnly | Libc.CloseOnExec);

    /// <summary>Whether a name is one that <see cref="Write"/> uses for files not yet complete.</summary>
    public static bool IsTemporary(string path) => Path.GetFileName(path).StartsWith(TemporaryPrefix, StringComparison.Ordinal);

    private static void Flush(string path, int flags)
    {
        int descriptor = Libc.Open(path, flags);
        try
        {
            if (descriptor < 0 || Libc.Flush(descriptor) != 0)
                throw FileErrors.From(new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError()), "flush", path);
        }
        finally
        {
            if (descriptor >= 0)
                _ = Libc.Close(descriptor);
        }
    }

    private static void TryDelete(string path)
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
