using System.Text.Json.Nodes;
using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Going to another state inside the images, of several disks at once: what the journal has to know of it.
/// </summary>
/// <param name="Steps">One a disk.</param>
/// <param name="Mode">How.</param>
/// <param name="MemoryNode">The node whose image has the memory that is loaded.</param>
/// <param name="KeepTag">The tag under which the state that is left is saved in the same images; null: it is given up.</param>
/// <param name="KeepMemory">Whether its memory is saved too.</param>
/// <param name="Ran">Whether the guest ran before.</param>
/// <param name="Goal">What the machine does afterwards: Running, Paused or Stopped.</param>
/// <param name="Started">Whether the machine was only started for this.</param>
internal sealed record ImageTurn(
    IReadOnlyList<TurnStep> Steps, TurnMode Mode, string? MemoryNode, string? KeepTag, bool KeepMemory, bool Ran, VMState Goal, bool Started)
{
    private const string Commit = "commit", Back = "back";

    /// <summary>The intent for the journal.</summary>
    /// <param name="forward">The metadata once it is done.</param>
    /// <param name="back">The metadata where the bitmaps were taken out and nothing could be loaded.</param>
    public JsonObject ToJson(FileChanges forward, FileChanges back) => new()
    {
        ["steps"] = new JsonArray([.. Steps.Select(step => (JsonNode)step.ToJson())]),
        ["mode"] = Mode.ToString(), ["memoryNode"] = MemoryNode, ["keepTag"] = KeepTag, ["keepMemory"] = KeepMemory,
        ["ran"] = Ran, ["goal"] = Goal.ToString(), ["started"] = Started,
        [Commit] = forward.ToJson(), [Back] = back.ToJson(),
    };

    public static ImageTurn FromJson(JsonObject json) => new(
        [.. json["steps"]!.AsArray().Select(step => TurnStep.FromJson(step!.AsObject()))],
        Enum.Parse<TurnMode>((string)json["mode"]!), (string?)json["memoryNode"], (string?)json["keepTag"], (bool)json["keepMemory"]!,
        (bool)json["ran"]!, Enum.Parse<VMState>((string)json["goal"]!), (bool)json["started"]!);

    public static FileChanges ForwardOf(JsonObject intent) => FileChanges.FromJson(intent[Commit]!.AsObject());

    public static FileChanges BackOf(JsonObject intent) => FileChanges.FromJson(intent[Back]!.AsObject());

    /// <summary>The job that loads.</summary>
    public static string LoadJob(string id) => $"mt-{id}-load";

    /// <summary>The job that saves what is left.</summary>
    public static string SaveJob(string id) => $"mt-{id}-save";

    /// <summary>The temporary copies of what recorded until now.</summary>
    public static string Copy(string id) => $"mt-tmp-{id}";
}
