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

    /// <summary>Puts copies of an increment onto it, each on the one before, until the chain has so many files.</summary>
    /// <param name="last">The increment, of one disk, on a full backup.</param>
    /// <param name="id">An id for the next one.</param>
    /// <param name="count">How many files the chain is to have.</param>
    public static async Task DeepenAsync(BackupManifest last, Func<string> id, int count)
    {
        string disk = last.Disks[0].Name, domain = Path.GetDirectoryName(last.Directory)!;
        byte[] image = await File.ReadAllBytesAsync(last.PathOf(last.Disks[0]));
        int name = image.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(last.Disks[0].ParentId!));
        for (int i = 2; i < count; i++)
        {
            string next = id(), directory = Path.Combine(domain, next);
            Directory.CreateDirectory(directory);
            System.Text.Encoding.ASCII.GetBytes(last.Id).CopyTo(image, name);
            await File.WriteAllBytesAsync(Path.Combine(directory, last.Disks[0].File), image);
            File.Copy(Path.Combine(last.Directory, BackupManifest.DomainFileName), Path.Combine(directory, BackupManifest.DomainFileName));
            last = last with { Id = next, Directory = directory, Parent = last.Id, Disks = [last.Disks[0] with { ParentId = last.Id }] };
            await BlessAsync(last, disk);
        }
    }

    /// <summary>Puts other bytes into the machine's document, and their hash into the manifest.</summary>
    public static void Document(BackupManifest backup, string xml)
    {
        File.WriteAllText(Path.Combine(backup.Directory, BackupManifest.DomainFileName), xml);
        Rewrite(backup, manifest => manifest with { DomainHash = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(xml))) });
    }
}
