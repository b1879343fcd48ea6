using MomentTools.Nbd;

namespace MomentTools.Machines.Serving;

/// <summary>What a relay is to serve, and where.</summary>
/// <param name="Address">Its address; port 0 has a free one picked.</param>
/// <param name="TlsX509">The directory of certificates as QEMU's <c>tls-creds-x509</c> has it, or null. Clients need one of the same authority.</param>
/// <param name="TlsPsk">The directory with keys.psk, or null.</param>
/// <param name="MaxConnections">How many clients it takes at once; null for QEMU's own limit.</param>
/// <param name="Exports">The exports; more can be added later.</param>
internal sealed record RelayRequest(NbdAddress Address, string? TlsX509, string? TlsPsk, int? MaxConnections, IReadOnlyList<RelayExport> Exports);
