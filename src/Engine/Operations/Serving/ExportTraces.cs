using System.Text.Json.Nodes;
using MomentTools.Machines.Serving;

namespace MomentTools.Operations.Serving;

/// <summary>What exports may have left behind, as far as it is known: enough to take all of it down, from any step between their start and their end.</summary>
/// <param name="Id">The operation that started them.</param>
/// <param name="Numbers">Which of them.</param>
/// <param name="Source">The storage daemon that has the disks; null: the machine's QEMU, or one of their own that nobody recorded yet.</param>
/// <param name="EndsSource">Whether the source is a storage daemon of their own, which nothing else needs.</param>
/// <param name="Relay">The storage daemon that passes them on, or null: there is none, or nobody recorded it yet.</param>
/// <param name="EndsRelay">Whether nothing else is passed on by it.</param>
/// <param name="Socket">The unix socket at which the relay listens, or null.</param>
internal sealed record ExportTraces(string Id, IReadOnlyList<int> Numbers, ServingProcess? Source, bool EndsSource, ServingProcess? Relay, bool EndsRelay, string? Socket)
{
    /// <summary>The id of a storage daemon that was started for the disks; the relay has that of the exports.</summary>
    public string SourceId => Id + "s";

    /// <summary>What some exports of a record leave when they end.</summary>
    /// <param name="record">Their record.</param>
    /// <param name="disks">The exports that end.</param>
    /// <param name="others">The other records of the machine.</param>
    public static ExportTraces Of(BlockExportRecord record, IReadOnlyCollection<BlockExportRecordDisk> disks, IEnumerable<BlockExportRecord> others)
    {
        bool all = disks.Count == record.Disks.Count;
        return new ExportTraces(
            record.Id, [.. disks.Select(disk => disk.Number)],
            record.Source, all && IsOwn(record),
            record.Relay, all && record.Relay is { } relay && others.All(other => other.Id == record.Id || other.Relay != relay),
            record.Private || Nbd.NbdAddress.Parse(record.Address) is not Nbd.UnixNbdAddress unix ? null : unix.Path);
    }

    public static ExportTraces FromJson(JsonObject json) => new(
        (string)json["id"]!, [.. json["numbers"]!.AsArray().Select(number => (int)number!)],
        Process(json["source"]), (bool)json["endsSource"]!, Process(json["relay"]), (bool)json["endsRelay"]!, (string?)json["socket"]);

    public JsonObject ToJson() => new()
    {
        ["id"] = Id,
        ["numbers"] = new JsonArray([.. Numbers.Select(number => (JsonNode)number)]),
        ["source"] = Json(Source),
        ["endsSource"] = EndsSource,
        ["relay"] = Json(Relay),
        ["endsRelay"] = EndsRelay,
        ["socket"] = Socket,
    };

    // A storage daemon that has a block snapshot belongs to that.
    private static bool IsOwn(BlockExportRecord record) => record.Source is not null && record.Disks.All(disk => disk.Snapshot is null);

    private static JsonObject? Json(ServingProcess? process) =>
        process is null ? null : new JsonObject { ["process"] = process.ProcessId, ["started"] = process.StartedAt, ["socket"] = process.Socket };

    private static ServingProcess? Process(JsonNode? json) => json is null ? null : new ServingProcess((int)json["process"]!, (long)json["started"]!, (string)json["socket"]!);
}
