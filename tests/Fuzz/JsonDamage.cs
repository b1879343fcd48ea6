using System.Text.Json.Nodes;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz;

/// <summary>Breaks JSON as somebody would who knows it: values of the wrong kind, at a limit, from elsewhere, missing or twice; or its text.</summary>
internal static class JsonDamage
{
    private static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1", "1.5", "1e999", "4294967296", "9223372036854775807", "9223372036854775808", "99999999999999999999", "\"\"", "\"x\"", "\"../../x\"", "\"/nowhere/x\"", "\"\\u0000\"",
        "\"\\u001b[31m\"", "\"2026-13-45\"", "[]", "[null]", "{}", "{\"x\":{}}", $"\"{new string('x', 5000)}\"", $"{new string('[', 40)}{new string(']', 40)}",
    ];

    private static readonly string[] Spare = ["{", "}", "[", "]", ",", ":", "\"", "\\", "null", "-1", "1e999", "99999999999999999999", "\\ud800", "\\u001b", "\0", "é", "\"id\":", "\"error\":1,", "/*", "\n", "\r\n"];

    public static string Of(string sound, Random random)
    {
        if (random.Next(3) == 0)
            return XmlMutation.Of(sound, random, Spare);
        JsonNode root = JsonNode.Parse(sound)!;
        string text = sound;
        for (int hits = random.Next(1, 4); hits > 0; hits--)
            text = Hit(root, random);
        return random.Next(8) == 0 ? XmlMutation.Of(text, random, Spare) : text;
    }

    private static string Hit(JsonNode root, Random random)
    {
        List<(JsonNode Holder, string? Key, int Index)> places = [];
        Collect(root, places);
        if (places.Count == 0)
            return root.ToJsonString();
        (JsonNode holder, string? key, int index) = places[random.Next(places.Count)];
        (JsonNode from, string? fromKey, int fromIndex) = places[random.Next(places.Count)];
        JsonNode? value = random.Next(3) > 0 ? JsonNode.Parse(Values[random.Next(Values.Length)]) : (fromKey is null ? from[fromIndex] : from[fromKey])?.DeepClone();
        if (holder is JsonArray array)
        {
            if (random.Next(4) == 0)
                array.RemoveAt(index);
            else if (random.Next(4) == 0)
                array.Insert(index, value);
            else
                array[index] = value;
            return root.ToJsonString();
        }

        var map = (JsonObject)holder;
        switch (random.Next(5))
        {
            case 0:
                map.Remove(key!);
                break;
            case 1:
                map[key + "x"] = value;
                break;
            // The same name twice can be in the text alone.
            case 2 when fromKey is not null && map.ContainsKey(fromKey) is false && map.Count > 1:
                map[fromKey] = value;
                return root.ToJsonString().Replace($"\"{fromKey}\":", $"\"{key}\":", StringComparison.Ordinal);
            default:
                map[key!] = value;
                break;
        }

        return root.ToJsonString();
    }

    private static void Collect(JsonNode node, List<(JsonNode Holder, string? Key, int Index)> places)
    {
        if (node is JsonObject map)
        {
            foreach ((string key, JsonNode? value) in map)
            {
                places.Add((map, key, 0));
                if (value is not null)
                    Collect(value, places);
            }
        }
        else if (node is JsonArray array)
        {
            for (int index = 0; index < array.Count; index++)
            {
                places.Add((array, null, index));
                if (array[index] is { } value)
                    Collect(value, places);
            }
        }
    }
}
