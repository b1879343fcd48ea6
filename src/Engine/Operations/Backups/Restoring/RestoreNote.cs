using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// What a restore is making in a directory, written there as <c>.mt-MARK.restore</c> before the first file: of a process that died the next
/// restore into the directory takes back what is not whole. Only names in the directory are in it.
/// </summary>
/// <param name="Owner">Who restores.</param>
/// <param name="Domain">The machine that is registered at the end, which decides whether the files are wanted; null where they stand for themselves.</param>
/// <param name="Files">The files.</param>
internal sealed record RestoreNote(StagingOwner Owner, Guid? Domain, IReadOnlyList<RestoreNote.Entry> Files)
{
    public const string Extension = ".restore";

    private const string Prefix = ".mt-";
    private const long LongestFile = 4 << 20;

    /// <param name="Name">The file's name in the end.</param>
    /// <param name="Temporary">Its name until then.</param>
    /// <param name="Inode">The whole file, flushed: device and inode, length and time; 0 until it is whole.</param>
    internal sealed record Entry(string Name, string Temporary, ulong Device = 0, ulong Inode = 0, long Length = 0, long Modified = 0)
    {
        public Entry Stamped(string directory) =>
            FileStamp.Of(Path.Combine(directory, Temporary)) is { } stamp ? this with { Device = stamp.Device, Inode = stamp.Inode, Length = stamp.Length, Modified = stamp.Modified } : this;

        /// <summary>Whether the file under its last name is the one that was restored, and nobody wrote to it.</summary>
        public bool IsPublished(string directory) =>
            Inode != 0 && FileStamp.Of(Path.Combine(directory, Name)) is { } stamp && (stamp.Device, stamp.Inode, stamp.Length, stamp.Modified) == (Device, Inode, Length, Modified);
    }

    public void Write(string path) => DurableFile.Write(path, Encoding.UTF8.GetBytes(new JsonObject
    {
        ["owner"] = new JsonArray(Owner.ProcessId, Owner.StartTime, Owner.Boot, Owner.Host),
        ["domain"] = Domain?.ToString("D"),
        ["files"] = new JsonArray([.. Files.Select(file => new JsonArray(file.Name, file.Temporary, file.Device, file.Inode, file.Length, file.Modified))]),
    }.ToJsonString()));

    /// <summary>
    /// Takes back what restores of dead processes left in a directory. Whole files that stand for themselves get their names, if these are free;
    /// those of a machine that was not registered go.
    /// </summary>
    /// <param name="directory">The directory; it need not be there.</param>
    /// <param name="isRegistered">Whether a machine with this UUID is known.</param>
    /// <param name="report">Told what was found.</param>
    public static void Sweep(string directory, Func<Guid, bool> isRegistered, IOperationReport report)
    {
        if (!Directory.Exists(directory))
            return;
        foreach (string path in Directory.GetFiles(directory, $"{Prefix}*{Extension}"))
            if (Read(path) is { } note && note.Owner.IsGone() && Libc.Owner(path) is { } writer)
            {
                bool wanted = note.Domain is not { } uuid || isRegistered(uuid);
                note.Settle(directory, wanted, writer.User);
                DurableFile.Delete(path);
                report.Warning($"A restore into '{directory}' had been interrupted: {(wanted ? "it was finished as far as it was whole" : "what it had made was removed")}.");
            }
    }

    private void Settle(string directory, bool wanted, uint user)
    {
        // Where several may write, a note is about nobody's files but its writer's.
        bool IsOwn(string path) => Libc.Owner(path) is not { } owner || owner.User == user;

        // All are whole, or none counts.
        bool whole = wanted && Files.All(file => file.Inode != 0);
        foreach (Entry file in Files)
        {
            string temporary = Path.Combine(directory, file.Temporary), final = Path.Combine(directory, file.Name);
            if (whole && File.Exists(temporary) && IsOwn(temporary) && !Path.Exists(final))
                DurableFile.Move(temporary, final);
            else if (IsOwn(temporary))
                DurableFile.Delete(temporary);
            if (!wanted && IsOwn(final) && file.IsPublished(directory))
                DurableFile.Delete(final);
        }
    }

    // A file that is no note of ours is left alone.
    private static RestoreNote? Read(string path)
    {
        try
        {
            using FileStream stream = PlainFile.OpenRead(path);
            if (stream.Length > LongestFile)
                return null;
            JsonNode json = JsonNode.Parse(stream)!;
            JsonArray owner = json["owner"]!.AsArray();
            Entry[] files = [.. json["files"]!.AsArray().Select(file => new Entry((string)file![0]!, (string)file[1]!, (ulong)file[2]!, (ulong)file[3]!, (long)file[4]!, (long)file[5]!))];
            string mark = Path.GetFileNameWithoutExtension(path);
            return files.All(file => IsName(file.Name) && IsName(file.Temporary) && file.Temporary.StartsWith(mark, StringComparison.Ordinal))
                ? new RestoreNote(new StagingOwner((int)owner[0]!, (long)owner[1]!, (string)owner[2]!, (string)owner[3]!), (string?)json["domain"] is { } uuid ? Guid.Parse(uuid, CultureInfo.InvariantCulture) : null, files)
                : null;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentException or IOException or UnauthorizedAccessException or MomentException)
        {
            return null;
        }
    }

    private static bool IsName(string name) => name.Length > 0 && name is not ("." or "..") && !name.Contains('/', StringComparison.Ordinal) && !name.Contains('\0', StringComparison.Ordinal);
}
