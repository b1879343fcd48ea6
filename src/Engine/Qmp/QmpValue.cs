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

    // The way here is put into words only where something is wrong: a machine may have thousands of bitmaps.
    private readonly Place? _place;
    private readonly string? _member;

    public QmpValue(string command, JsonElement element)
        : this(command, null, null, element)
    {
    }

    private QmpValue(string command, Place? place, string? member, JsonElement element)
    {
        _command = command;
        _place = place;
        _member = member;
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

    private string Where => Here() is { } here ? $"'{here}'" : "the returned value";

    // Null for the whole reply.
    private Place? Here() => _member is null ? _place : new Place(_place, _member, null);

    public QmpValue this[string name] => Find(name) ?? throw QmpErrors.BadReply(_command, $"it lacks the member '{Below(name)}'.");

    /// <summary>The member, or null where the object has none of this name.</summary>
    public QmpValue? Find(string name)
    {
        if (Element.ValueKind != JsonValueKind.Object)
            throw NotA("an object");
        try
        {
            return Element.TryGetProperty(name, out JsonElement member) ? new QmpValue(_command, Here(), name, member) : null;
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
        Place? here = Here();
        foreach (JsonElement item in Element.EnumerateArray())
            items.Add(read(new QmpValue(_command, new Place(here, null, items.Count), null, item)));
        return items;
    }

    private string Below(string name) => new Place(Here(), name, null).ToString();

    private MomentException NotA(string expected) => QmpErrors.BadReply(_command, $"{Where} is not {expected}.");

    /// <summary>A member of an object, or an item of an array, as the way to it from the top.</summary>
    private sealed class Place(Place? above, string? member, int? index)
    {
        public override string ToString() => index is { } at ? $"{above}[{at}]" : above is null ? member! : $"{above}.{member}";
    }
}
