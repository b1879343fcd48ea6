namespace MomentTools.Qmp;

/// <summary>A dirty bitmap as the queries show it (QAPI <c>BlockDirtyInfo</c>).</summary>
/// <param name="Name">Its name, or null for one that a job or a filter keeps for itself.</param>
/// <param name="Count">Dirty bytes.</param>
/// <param name="Granularity">Bytes for one bit.</param>
/// <param name="Busy">Whether a job or an export uses it, so that nothing else can.</param>
/// <param name="Inconsistent">Whether it was not stored at the last close: its bits mean nothing.</param>
internal sealed record QmpDirtyBitmap(string? Name, long Count, long Granularity, bool Recording, bool Busy, bool Persistent, bool Inconsistent)
{
    internal static QmpDirtyBitmap Read(QmpValue bitmap) => new(
        bitmap.Find("name")?.Text, bitmap["count"].Size, bitmap["granularity"].Size, bitmap["recording"].Flag,
        bitmap["busy"].Flag, bitmap["persistent"].Flag, bitmap.Find("inconsistent")?.Flag == true);

    internal static IReadOnlyList<QmpDirtyBitmap> ReadAll(QmpValue info) => info.Find("dirty-bitmaps")?.List(Read) ?? [];
}
