using System.Management.Automation;
using System.Text.Json;

namespace MomentTools.Cmdlets.Json;

/// <summary>JSON as PowerShell has it: objects with note properties, arrays, strings, numbers, booleans and null.</summary>
internal static class JsonReading
{
    public static object? Value(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => Object(element),
        JsonValueKind.Array => element.EnumerateArray().Select(Value).ToArray(),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => Number(element),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private static PSObject Object(JsonElement element)
    {
        var value = new PSObject();
        // QEMU never says a name twice; should it, the last one counts, and case tells none apart in PowerShell.
        foreach (JsonProperty property in element.EnumerateObject())
        {
            value.Properties.Remove(property.Name);
            value.Properties.Add(new PSNoteProperty(property.Name, Value(property.Value)));
        }

        return value;
    }

    // QAPI's int is 64 bits, size and uint64 are unsigned; a double would lose the low bits of either.
    private static object Number(JsonElement element)
    {
        if (element.TryGetInt64(out long number))
            return number;
        return element.TryGetUInt64(out ulong large) ? large : element.GetDouble();
    }
}
