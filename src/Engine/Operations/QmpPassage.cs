using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
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
        return await qmp.ExecuteAsync(command, arguments, cancellation);
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
