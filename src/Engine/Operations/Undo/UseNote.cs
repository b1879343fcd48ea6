using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Machines;

namespace MomentTools.Operations.Undo;

/// <summary>
/// The note that a machine is on a temporary branch, in its state directory: it is written before it goes there and removed when it is back,
/// so that whatever becomes of the process, somebody brings the machine back.
/// </summary>
/// <param name="Id">The use.</param>
/// <param name="ProcessId">The process that uses it; 0 where that gave up.</param>
/// <param name="Started">That process's start (<see cref="HostProcess.StartTime"/>).</param>
/// <param name="Since">When it began.</param>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Temporary">The branch for the time being.</param>
/// <param name="Home">The branch to come back to.</param>
/// <param name="Running">Whether the guest ran; null where the machine was stopped, false where it was paused.</param>
/// <param name="KeepsMemory">Whether the machine's memory is to come back.</param>
/// <param name="Branches">The branches that there were: others go at the end.</param>
/// <param name="Moments">The moments that there were ("snapshot:a"): others go where only the temporary branch has them.</param>
internal sealed record UseNote(
    string Id, int ProcessId, long Started, DateTimeOffset Since, string Snapshot, string Temporary, string Home, bool? Running, bool KeepsMemory,
    IReadOnlyList<string> Branches, IReadOnlyList<string> Moments)
{
    public const string FileName = "use.json";

    /// <summary>The file with the memory of the branch to come back to, from when it is loaded: afterwards it goes.</summary>
    public string? MemoryFile { get; init; }

    /// <summary>Whether its process is at work, so that the machine is where it belongs.</summary>
    public bool IsAlive => ProcessId != 0 && HostProcess.Find(ProcessId)?.StartTime == Started;

    /// <summary>Whether it is this very process.</summary>
    public bool IsOwn => ProcessId == Environment.ProcessId && IsAlive;

    /// <summary>Who uses the machine, in words.</summary>
    public string Holder => string.Create(CultureInfo.InvariantCulture, $"process {ProcessId}");

    public static string PathIn(string stateDirectory) => Path.Combine(stateDirectory, FileName);

    /// <summary>The note of a domain; null where it is used by nobody.</summary>
    /// <exception cref="Errors.MomentException"><c>UseNoteInvalid</c>.</exception>
    public static UseNote? Find(string stateDirectory)
    {
        string path = PathIn(stateDirectory);
        if (!File.Exists(path))
            return null;
        try
        {
            JsonObject note = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            return new UseNote(
                Text(note["id"]), (int)note["process"]!, (long)note["started"]!, DateTimeOffset.Parse(Text(note["since"]), CultureInfo.InvariantCulture), Text(note["snapshot"]),
                Text(note["temporary"]), Text(note["home"]), (bool?)note["running"], (bool)note["memory"]!, Texts(note["branches"]), Texts(note["moments"]))
            {
                MemoryFile = (string?)note["file"],
            };
        }
        catch (FileNotFoundException)
        {
            // Its owner came back in this very moment.
            return null;
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentException)
        {
            throw UndoErrors.BrokenNote(path, "it is not what such a note has to be", broken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }
    }

    public void Write(string stateDirectory) => DurableFile.Write(PathIn(stateDirectory), JsonSerializer.SerializeToUtf8Bytes(new JsonObject
    {
        ["id"] = Id,
        ["process"] = ProcessId,
        ["started"] = Started,
        ["since"] = Since.ToString("O", CultureInfo.InvariantCulture),
        ["snapshot"] = Snapshot,
        ["temporary"] = Temporary,
        ["home"] = Home,
        ["running"] = Running,
        ["memory"] = KeepsMemory,
        ["file"] = MemoryFile,
        ["branches"] = new JsonArray([.. Branches.Select(name => (JsonNode)name)]),
        ["moments"] = new JsonArray([.. Moments.Select(name => (JsonNode)name)]),
    }));

    public static void Remove(string stateDirectory) => DurableFile.Delete(PathIn(stateDirectory));

    private static string[] Texts(JsonNode? list) => [.. list!.AsArray().Select(Text)];

    // Unlike a cast this refuses what is missing.
    private static string Text(JsonNode? text) => text!.GetValue<string>();
}
