namespace MomentTools.Qmp;

/// <summary>A monitor on a Unix stream socket.</summary>
/// <param name="Path">The absolute path of the socket, at most 107 bytes of UTF-8.</param>
internal sealed record UnixQmpAddress(string Path) : QmpAddress
{
    public string Path { get; } = CheckPath(Path);

    /// <inheritdoc/>
    public override string ToString() => $"unix:{Path}";
}
