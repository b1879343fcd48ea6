using System.Text.Json;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>
/// A value in a reply, read strictly: a member that is missing or of another type is a <c>QmpProtocolViolation</c>
/// that names the command and the member.
/// </summary>
internal readonly struct QmpValue
{
    private readonly string _command;
    private readonly string _path;

    public QmpValue(string command, JsonElement element)
        : this(command, "", element)
    {
    }

    private QmpValue(string command, string path, JsonElement element)
    {
        _command = command;
        _path = path;
        Element = element;
    }

    public JsonElement Element { get; }

    public string Text
    {
        get
        {
            try
            {
                return Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw NotA("a string");
            }
            catch (InvalidOperationException failure)
            {
                throw QmpErrors.BadReply(_command, $"{Where} is not valid Unicode.", failure);
            }
        }
    }

    public bool Flag => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw NotA("true or false"),
    };

    public long Int64 => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt64(out long value) ? value : throw NotA("an integer of 64 bits");

    public int Int32 => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value) ? value : throw NotA("an integer of 32 bits");

    /// <summary>A number of bytes: never negative.</summary>
    public long Size => Int64 is long value and >= 0 ? value : throw NotA("a size of zero or more");

    private string Where => _path.Length == 0 ? "the returned value" : $"'{_path}'";

    public QmpValue this[string name] => Find(name) ?? throw QmpErrors.BadReply(_command, $"it lacks the member '{Below(name)}'.");

    /// <summary>The member, or null where the object has none of this name.</summary>
    public QmpValue? Find(string name)
    {
        if (Element.ValueKind != JsonValueKind.Object)
            throw NotA("an object");
        try
        {
            return Element.TryGetProperty(name, out JsonElement member) ? new QmpValue(_command, Below(name), member) : null;
        }
        catch (InvalidOperationException failure)
        {
            throw QmpErrors.BadReply(_command, $"a member's name in {Where} is not valid Unicode.", failure);
        }
    }

    public bool IsText(string text) => Element.ValueKind == JsonValueKind.String && Text == text;

    /// <summary>The items of an array, each made by <paramref name="read"/>.</summary>
    public IReadOnlyList<T> List<T>(Func<QmpValue, T> read)
    {
        if (Element.ValueKind != JsonValueKind.Array)
            throw NotA("an array");
        var items = new List<T>(Element.GetArrayLength());
        foreach (JsonElement item in Element.EnumerateArray())
            items.Add(read(new QmpValue(_command, $"{_path}[{items.Count}]", item)));
        return items;
    }

    private string Below(string name) => _path.Length == 0 ? name : $"{_path}.{name}";

    private MomentException NotA(string expected) => QmpErrors.BadReply(_command, $"{Where} is not {expected}.");
}
