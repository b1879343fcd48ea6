namespace MomentTools.Qmp;

/// <summary>A migration (QAPI <c>MigrationInfo</c>).</summary>
/// <param name="Status">QAPI <c>MigrationStatus</c>: active, pre-switchover, completed, failed, …; none where there was none.</param>
/// <param name="Error">QEMU's words where it failed.</param>
/// <param name="Sent">Bytes of memory sent.</param>
/// <param name="Left">Bytes of memory still to be sent.</param>
internal sealed record QmpMigration(string Status, string? Error, long Sent, long Left)
{
    /// <summary>Whether it still does something.</summary>
    public bool IsActive => Status is not ("none" or "completed" or "failed" or "cancelled");

    internal static QmpMigration Read(QmpValue info)
    {
        QmpValue? memory = info.Find("ram");
        return new QmpMigration(info.Find("status")?.Text ?? "none", info.Find("error-desc")?.Text, memory?["transferred"].Size ?? 0, memory?["remaining"].Size ?? 0);
    }
}
