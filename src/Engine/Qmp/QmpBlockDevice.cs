namespace MomentTools.Qmp;

/// <summary>A guest's disk or drive (QAPI <c>BlockInfo</c>).</summary>
/// <param name="Device">The old drive name; empty for devices made with -blockdev.</param>
/// <param name="Qdev">The device's id or QOM path, or null.</param>
/// <param name="Inserted">Its medium, or null where it is empty.</param>
/// <param name="IoStatus">ok, failed or nospace, or null where the device keeps no status.</param>
internal sealed record QmpBlockDevice(string Device, string? Qdev, QmpInserted? Inserted, string? IoStatus)
{
    /// <summary>The QOM path that <c>qom-set</c> and HMP's <c>qemu-io -d</c> take: QEMU shows some devices by their bare id.</summary>
    public string? QomPath => Qdev is null or ['/', ..] ? Qdev : $"/machine/peripheral/{Qdev}";

    internal static QmpBlockDevice Read(QmpValue info) => new(
        info["device"].Text, info.Find("qdev")?.Text, info.Find("inserted") is QmpValue inserted ? QmpInserted.Read(inserted) : null,
        info.Find("io-status")?.Text);
}
