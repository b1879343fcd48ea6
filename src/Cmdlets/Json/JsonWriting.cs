using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using System.Text.Json;

namespace MomentTools.Cmdlets.Json;

/// <summary>Writes what PowerShell users have in hashtables as JSON.</summary>
internal static class JsonWriting
{
    private const int DeepestNesting = 64;

    /// <summary>The dictionary as one JSON object.</summary>
    public static string Text(IDictionary arguments)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
            Write(writer, arguments, "Arguments", 0);
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter writer, object? value, string where, int depth)
    {
        if (depth > DeepestNesting)
            throw CmdletErrors.BadQmpArguments(where, $"is nested deeper than {DeepestNesting} levels");
        object? plain = value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;
        switch (plain)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string or char or Guid:
                writer.WriteStringValue(plain.ToString());
                break;
            case Enum:
                writer.WriteStringValue(plain.ToString());
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case SwitchParameter given:
                writer.WriteBooleanValue(given.IsPresent);
                break;
            case double or float when !double.IsFinite(Convert.ToDouble(plain, CultureInfo.InvariantCulture)):
                throw CmdletErrors.BadQmpArguments(where, "is not a number that JSON has");
            case IFormattable number when IsNumber(number):
                writer.WriteRawValue(number.ToString(null, CultureInfo.InvariantCulture));
                break;
            case IDictionary dictionary:
                WriteObject(writer, Entries(dictionary), where, depth);
                break;
            case PSObject custom:
                WriteObject(writer, custom.Properties.Select(property => ((object)property.Name, (object?)property.Value)), where, depth);
                break;
            case IEnumerable list:
                WriteArray(writer, list, where, depth);
                break;
            default:
                throw CmdletErrors.BadQmpArguments(where, $"is of the type {plain.GetType().FullName}, which has no form in JSON");
        }
    }

    private static void WriteObject(Utf8JsonWriter writer, IEnumerable<(object Key, object? Value)> members, string where, int depth)
    {
        writer.WriteStartObject();
        foreach ((object key, object? value) in members)
        {
            if (key is not string name)
                throw CmdletErrors.BadQmpArguments(where, $"has a key that is no string: {key}");
            writer.WritePropertyName(name);
            Write(writer, value, $"{where}.{name}", depth + 1);
        }

        writer.WriteEndObject();
    }

    private static void WriteArray(Utf8JsonWriter writer, IEnumerable list, string where, int depth)
    {
        writer.WriteStartArray();
        int index = 0;
        foreach (object? item in list)
            Write(writer, item, $"{where}[{index++}]", depth + 1);
        writer.WriteEndArray();
    }

    // Asked as a dictionary, each kind of dictionary gives its entries in this one form.
    private static IEnumerable<(object Key, object? Value)> Entries(IDictionary dictionary)
    {
        foreach (DictionaryEntry entry in dictionary)
            yield return (entry.Key, entry.Value);
    }

    private static bool IsNumber(object value) =>
        value is sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal or System.Numerics.BigInteger;
}
