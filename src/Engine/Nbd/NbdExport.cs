namespace MomentTools.Nbd;

/// <summary>One export that a server lists (NBD_REP_SERVER); the description may be empty.</summary>
internal sealed record NbdExport(string Name, string Description);
