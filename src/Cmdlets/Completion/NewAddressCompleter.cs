using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace MomentTools.Cmdlets.Completion;

/// <summary>Offers addresses where something new can be served: this host's own, with a free port, and the forms of a unix socket.</summary>
public sealed class NewAddressCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        Addresses(line["VM"]).Where(item => query.Wanted(item.Text));

    private static IEnumerable<CompletionItem> Addresses(string? vm)
    {
        yield return new CompletionItem("tcp://127.0.0.1:0", "this host only, on a free port");
        yield return new CompletionItem("tcp://[::1]:0", "this host only, IPv6, on a free port");
        foreach (IPAddress address in Own().Where(address => !IPAddress.IsLoopback(address) && !address.IsIPv6LinkLocal))
            yield return new CompletionItem($"tcp://{(address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address)}:10809", "an address of this host that others reach, on NBD's port: give -TlsX509 or -TlsPsk");
        yield return new CompletionItem("tcp://0.0.0.0:10809", "every IPv4 address of this host, on NBD's port: needs -TlsX509, -TlsPsk or -AllowUnencrypted");
        yield return new CompletionItem("tcp://[::]:10809", "every address of this host, on NBD's port: needs -TlsX509, -TlsPsk or -AllowUnencrypted");
        yield return new CompletionItem($"unix:///run/{vm ?? "nbd"}.sock", "a unix socket, by its absolute path");
    }

    private static IEnumerable<IPAddress> Own() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(card => card.OperationalStatus != OperationalStatus.Down)
        .SelectMany(card => card.GetIPProperties().UnicastAddresses.Select(own => own.Address)).Distinct();
}
