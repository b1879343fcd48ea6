using System.Text;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>The file <c>uuid</c> in a machine's directory: a machine may be renamed and another may get its old name.</summary>
internal static class DomainMarker
{
    public const string FileName = "uuid";

    private const int LongestFile = 64;

    public static void Write(string directory, Guid uuid) =>
        DurableFile.Write(Path.Combine(directory, FileName), Encoding.ASCII.GetBytes(uuid.ToString("D") + "\n"), shared: true);

    /// <summary>The UUID of the machine; where the file is missing, that of the first backup that can be read; or null.</summary>
    public static Guid? Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        try
        {
            using FileStream file = PlainFile.OpenRead(path);
            byte[] bytes = new byte[LongestFile];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return Guid.TryParseExact(Encoding.UTF8.GetString(bytes, 0, length).Trim(), "D", out Guid uuid) ? uuid : FromBackups(directory);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return FromBackups(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }
    }

    /// <summary>The same; null as well where it cannot be told.</summary>
    public static Guid? TryRead(string directory)
    {
        try
        {
            return Read(directory);
        }
        catch (MomentException)
        {
            // Whoever asks for that machine's backups is told.
            return null;
        }
    }

    private static Guid? FromBackups(string directory)
    {
        if (!Directory.Exists(directory))
            return null;
        string[] there;
        try
        {
            there = Directory.GetDirectories(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "list", directory);
        }

        foreach (string backup in there.Where(path => BackupId.IsValid(Path.GetFileName(path))).Order(StringComparer.Ordinal))
        {
            try
            {
                return BackupManifestFile.Read(backup).Uuid;
            }
            catch (MomentException broken) when (broken.Kind is ErrorKind.CorruptData or ErrorKind.Unsupported)
            {
                // Listing tells it; any backup that can be read will do here.
            }
        }

        return null;
    }
}
