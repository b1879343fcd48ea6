using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>Reads and writes <c>manifest.json</c>. What is read was checked to the last byte, and every field against its rule.</summary>
internal static class BackupManifestFile
{
    /// <summary>The largest manifest, in bytes.</summary>
    public const int MaxBytes = 64 << 20;

    // The checksum is the last property, so its digits lie within this many bytes of the end.
    private const int TailLength = 256;

    private static readonly byte[] NoChecksum = Encoding.ASCII.GetBytes(new string('0', FileHashes.Digits));

    /// <summary>The bytes of the file for a manifest.</summary>
    public static byte[] ToBytes(BackupManifest manifest)
    {
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(manifest with { Checksum = Encoding.ASCII.GetString(NoChecksum) }, BackupManifestJson.Default.BackupManifest);
        if (bytes.Length > MaxBytes)
        {
            throw new MomentException(
                BackupErrors.BackupManifestTooLarge, $"The manifest of the backup '{manifest.Id}' would have {bytes.Length} bytes, more than the {MaxBytes} that may be read again.", manifest.Id,
                "Back up fewer disks at once.");
        }

        string checksum = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Encoding.ASCII.GetBytes(checksum, bytes.AsSpan(bytes.AsSpan().LastIndexOf(NoChecksum)));
        return bytes;
    }

    /// <summary>Reads the manifest of the backup in a directory; the directory is called by the backup's id.</summary>
    public static BackupManifest Read(string directory)
    {
        string path = Path.Combine(directory, BackupManifest.FileName);
        // What stands on it is found through its name: a link would have its neighbours elsewhere.
        if (Libc.KindOf(directory) == FileKind.Link)
            throw BackupErrors.ManifestBroken(path, "the backup's directory is a symbolic link to another one");
        BackupManifest manifest = Parse(ReadBytes(path), path);
        if (manifest.Id != BackupPlaces.IdOf(directory))
            throw BackupErrors.ManifestBroken(path, $"it is that of the backup '{manifest.Id}'");
        return manifest with { Directory = directory };
    }

    /// <summary>Reads a manifest from the bytes of its file.</summary>
    /// <param name="path">What the messages call it.</param>
    public static BackupManifest Parse(byte[] bytes, string path)
    {
        BackupManifest manifest;
        try
        {
            RefuseOtherFormats(bytes, path);
            manifest = JsonSerializer.Deserialize(bytes, BackupManifestJson.Default.BackupManifest)
                ?? throw BackupErrors.ManifestBroken(path, "it is empty");
        }
        // The last two are what the reader throws for text that is no Unicode.
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException)
        {
            throw BackupErrors.ManifestBroken(path, $"it cannot be read as JSON of format {BackupManifest.CurrentFormat}: {Excerpt.Of(failure.Message).TrimEnd('.')}", failure);
        }

        if (BackupManifestRules.Broken(manifest) is { } rule)
            throw BackupErrors.ManifestBroken(path, rule);
        CheckSum(bytes, manifest.Checksum, path);
        return manifest;
    }

    private static void RefuseOtherFormats(byte[] bytes, string path)
    {
        int number = FormatOf(bytes, path);
        if (number != BackupManifest.CurrentFormat)
        {
            throw new MomentException(
                BackupErrors.BackupFormatUnknown, $"The backup's manifest '{path}' has the format {number}; this version knows the format {BackupManifest.CurrentFormat} only.", path,
                "Use the version of MomentTools that wrote it, or a newer one.");
        }
    }

    // Without building the document: it may be as large as it likes up to here.
    private static int FormatOf(byte[] bytes, string path)
    {
        var reader = new Utf8JsonReader(bytes);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw BackupErrors.ManifestBroken(path, "it does not say its format");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool found = reader.ValueTextEquals(nameof(BackupManifest.Format));
            reader.Read();
            if (found)
                return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int number) ? number : throw BackupErrors.ManifestBroken(path, "its format is no number");
            reader.Skip();
        }

        throw BackupErrors.ManifestBroken(path, "it does not say its format");
    }

    private static void CheckSum(byte[] bytes, string checksum, string path)
    {
        int tail = Math.Max(0, bytes.Length - TailLength);
        int at = bytes.AsSpan(tail).LastIndexOf(Encoding.ASCII.GetBytes(checksum));
        if (at < 0)
            throw BackupErrors.ManifestBroken(path, "its checksum is not at its end");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(bytes.AsSpan(0, tail + at));
        hash.AppendData(NoChecksum);
        hash.AppendData(bytes.AsSpan(tail + at + checksum.Length));
        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != checksum)
            throw BackupErrors.ManifestBroken(path, "its checksum does not agree with its content");
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            using FileStream file = PlainFile.OpenRead(path);
            if (file.Length > MaxBytes)
                throw BackupErrors.ManifestBroken(path, $"it has {file.Length} bytes, more than the {MaxBytes} that are read");
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw BackupErrors.ManifestBroken(path, "it is missing", failure);
        }
        catch (IOException failure) when (PlainFile.WhyNot(path) is { } why)
        {
            throw BackupErrors.ManifestBroken(path, $"it is {why}", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw FileErrors.From(failure, "read the manifest", path);
        }
    }
}
