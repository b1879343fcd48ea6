using System.Text.Json;

namespace MomentTools.Qmp;

/// <summary>Something that QEMU tells unasked.</summary>
/// <param name="Name">The event's QAPI name, such as <c>JOB_STATUS_CHANGE</c>.</param>
/// <param name="Data">The event's members; of kind Undefined where the event has none.</param>
/// <param name="Timestamp">QEMU's clock; the epoch where QEMU could not read it.</param>
internal sealed record QmpEvent(string Name, JsonElement Data, DateTimeOffset Timestamp)
{
    /// <summary>Whether the event carries this member with this text.</summary>
    public bool Says(string member, string value) =>
        Data.ValueKind == JsonValueKind.Object && new QmpValue(Name, Data).Find(member)?.IsText(value) == true;

    internal static QmpEvent Read(QmpValue message)
    {
        string name = message["event"].Text;
        JsonElement data = message.Find("data") is QmpValue found ? found.Element.Clone() : default;
        QmpValue timestamp = message["timestamp"];
        return new QmpEvent(name, data, ReadTime(timestamp["seconds"].Int64, timestamp["microseconds"].Int64));
    }

    // QEMU sends -1 for both when the host's clock cannot be read.
    private static DateTimeOffset ReadTime(long seconds, long microseconds) =>
        seconds is < 0 or > 253_402_300_799 || microseconds is < 0 or > 999_999
            ? DateTimeOffset.UnixEpoch
            : DateTimeOffset.FromUnixTimeSeconds(seconds).AddMicroseconds(microseconds);
}
