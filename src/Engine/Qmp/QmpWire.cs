using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace MomentTools.Qmp;

/// <summary>QMP's messages as bytes (qmp-spec.txt 2.3 and 2.4): commands written, what comes back parsed within bounds.</summary>
internal static class QmpWire
{
    // query-block nests one level for each image of a backing chain.
    private const int DeepestMessage = 1024;

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = DeepestMessage };
    private static readonly JsonDocumentOptions ReaderOptions = new() { MaxDepth = DeepestMessage };

    /// <summary>Writes one command as one line.</summary>
    public static byte[] WriteCommand(long id, string command, JsonObject? arguments)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            if (arguments is not null)
            {
                writer.WritePropertyName("arguments");
                arguments.WriteTo(writer);
            }

            writer.WriteNumber("id", id);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Parses one whole message; anything but valid JSON in valid UTF-8 throws <see cref="JsonException"/>.</summary>
    public static JsonDocument Parse(ReadOnlyMemory<byte> message) =>
        Utf8.IsValid(message.Span) ? JsonDocument.Parse(message, ReaderOptions) : throw new JsonException("A message is not valid UTF-8.");
}
