using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MomentTools.Operations.Backups;

/// <summary>Reads the hashes of a manifest into <see cref="HashList"/>: whatever else is in their place is refused at its first item, and takes no memory.</summary>
internal sealed class HashListConverter : JsonConverter<IReadOnlyList<string>>
{
    private const string Rule = "A hash is not 64 hexadecimal digits in lower case.";

    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("The hashes are no list.");
        var bytes = new ArrayBufferWriter<byte>();
        Span<byte> digits = stackalloc byte[FileHashes.Digits];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // A hash is written without escapes.
            if (reader.TokenType != JsonTokenType.String || reader.ValueIsEscaped || reader.HasValueSequence || reader.ValueSpan.Length != FileHashes.Digits)
                throw new JsonException(Rule);
            reader.ValueSpan.CopyTo(digits);
            if (digits.IndexOfAnyExceptInRange((byte)'0', (byte)'f') >= 0 || digits.IndexOfAnyInRange((byte)':', (byte)'`') >= 0
                || Convert.FromHexString(digits, bytes.GetSpan(HashList.Width)[..HashList.Width], out _, out _) != OperationStatus.Done)
                throw new JsonException(Rule);
            bytes.Advance(HashList.Width);
        }

        return new HashList(bytes.WrittenSpan.ToArray());
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (string hash in value)
            writer.WriteStringValue(hash);
        writer.WriteEndArray();
    }
}
