using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Invoke-VMQmpCommand: one command of the user's own to a running machine.</summary>
internal static class QmpPassage
{
    public static async Task<JsonElement> RunAsync(EngineContext context, string vm, string command, string? argumentsJson, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        JsonObject? arguments = Parse(command, argumentsJson);
        QmpAddress monitor = MachineProbe.Find(place, domain).SecondMonitor ?? throw MachineErrors.NotRunning(vm);
        await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
        if (command == "block_resize" && ServedDisks.Of(place) is var served && served.Names.Any())
            await RefuseResizeAsync(qmp, domain, served, arguments, cancellation);
        return await qmp.ExecuteAsync(command, arguments, cancellation);
    }

    // QEMU refuses it for the image beneath the filters, and lets it through for the topmost of them: then their views are of another size than the disk.
    private static async Task RefuseResizeAsync(QmpClient qmp, DomainDocument domain, ServedDisks served, JsonObject? arguments, CancellationToken cancellation)
    {
        string? Named(string member) => arguments?[member] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
        foreach (QmpBlockDevice device in await qmp.QueryBlockAsync(cancellation))
        {
            if (device.Inserted is not { } medium || (medium.NodeName != Named("node-name") && (device.Device.Length == 0 || device.Device != Named("device"))))
                continue;
            string file = NodeFile.Of(medium.File);
            served.Refuse(domain.Disks.Where(disk => disk.SourcePath is { } path && (path == file || Libc.RealPath(path) == Libc.RealPath(file))).Select(disk => disk.Target), $"resize a disk of '{domain.Name}'");
        }
    }

    private static JsonObject? Parse(string command, string? text)
    {
        try
        {
            return text is null ? null : JsonNode.Parse(text) as JsonObject ?? throw new JsonException("it is not an object");
        }
        catch (JsonException failure)
        {
            throw new MomentException(OperationErrors.QmpArgumentsInvalid, $"The arguments of the QMP command '{command}' are not a JSON object: {failure.Message}", text, "Give a hashtable, or a JSON object as text.", failure);
        }
    }
}
