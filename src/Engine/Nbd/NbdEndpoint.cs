namespace MomentTools.Nbd;

/// <summary>The export and the address that a connection is about, as its errors name them.</summary>
internal sealed record NbdEndpoint(string Address, string? ExportName)
{
    public override string ToString() =>
        ExportName is null ? $"the NBD server at {Address}"
        : ExportName.Length == 0 ? $"the default NBD export at {Address}"
        : $"the NBD export '{ExportName}' at {Address}";
}
