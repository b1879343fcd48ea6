using System.Security.Cryptography;
using MomentTools.Operations.Backups;

namespace MomentTools.Tests.Operations.Backups.Checking;

/// <summary>What befalls a repository, by accident or by somebody who knows how it is made.</summary>
internal static class Damage
{
    /// <summary>Flips one bit.</summary>
    public static void Flip(string path, long at, int bit = 0)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = at;
        int value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ (1 << bit)));
    }

    /// <summary>Writes a manifest anew, its checksum right.</summary>
    public static void Rewrite(BackupManifest backup, Func<BackupManifest, BackupManifest> change) =>
        File.WriteAllBytes(Path.Combine(backup.Directory, BackupManifest.FileName), BackupManifestFile.ToBytes(change(backup)));

    /// <summary>Writes one disk of a manifest anew, its checksum right.</summary>
    public static void RewriteDisk(BackupManifest backup, string name, Func<BackupManifestDisk, BackupManifestDisk> change) =>
        Rewrite(backup, manifest => manifest with { Disks = [.. manifest.Disks.Select(disk => disk.Name == name ? change(disk) : disk)] });

    /// <summary>Makes a manifest agree with what a disk's file is now: hashes, sizes, checksum.</summary>
    public static async Task BlessAsync(BackupManifest backup, string name)
    {
        FileHashes hashes = await new FileHasher().HashAsync(backup.PathOf(backup.FindDisk(name)!), backup.Disks.Count, _ => { }, CancellationToken.None);
        RewriteDisk(backup, name, disk => disk with { FileSize = hashes.Length, HashChunkSize = hashes.ChunkSize, Hash = hashes.Whole, ChunkHashes = hashes.Chunks });
    }

    /// <summary>Puts other bytes into the machine's document, and their hash into the manifest.</summary>
    public static void Document(BackupManifest backup, string xml)
    {
        File.WriteAllText(Path.Combine(backup.Directory, BackupManifest.DomainFileName), xml);
        Rewrite(backup, manifest => manifest with { DomainHash = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(xml))) });
    }
}
