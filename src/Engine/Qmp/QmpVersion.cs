namespace MomentTools.Qmp;

/// <summary>QEMU's version (QAPI <c>VersionInfo</c>, in the greeting and in <c>query-version</c>).</summary>
/// <param name="Package">What the distribution adds, possibly empty.</param>
internal sealed record QmpVersion(int Major, int Minor, int Micro, string Package)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Major}.{Minor}.{Micro}";

    internal static QmpVersion Read(QmpValue info)
    {
        QmpValue qemu = info["qemu"];
        return new QmpVersion(qemu["major"].Int32, qemu["minor"].Int32, qemu["micro"].Int32, info["package"].Text);
    }
}
