using MomentTools.Blocks;
using MomentTools.Nbd;

namespace MomentTools.Machines.Serving;

/// <summary>One export that a relay passes on.</summary>
/// <param name="Id">The id of its export and of its node in QEMU.</param>
/// <param name="Name">Its name for clients.</param>
/// <param name="Inner">Where the source serves it.</param>
/// <param name="InnerName">Its name there.</param>
/// <param name="BitmapName">The name that <paramref name="Dirty"/> has as a context, behind <c>qemu:dirty-bitmap:</c>; null for none.</param>
/// <param name="Dirty">The blocks of the context.</param>
/// <param name="Writable">Whether clients may write: the source's export must be writable too.</param>
internal sealed record RelayExport(string Id, string Name, NbdAddress Inner, string InnerName, string? BitmapName, ExtentMap? Dirty, bool Writable);
