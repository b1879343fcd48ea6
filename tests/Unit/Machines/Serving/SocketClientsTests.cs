using System.Net;
using System.Net.Sockets;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

public sealed class SocketClientsTests
{
    [Fact]
    public async Task ClientsOfAUnixSocketAreCounted()
    {
        using var scratch = new ScratchDirectory();
        var end = new UnixDomainSocketEndPoint(scratch["a b"]);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(end);
        listener.Listen(5);
        var address = new UnixNbdAddress(scratch["a b"]);
        Assert.Equal(0, SocketClients.Count(address, null));
        using var first = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await first.ConnectAsync(end);
        using Socket accepted = await listener.AcceptAsync();
        using var second = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await second.ConnectAsync(end);
        Assert.Equal(1, SocketClients.Count(address, null));
        accepted.Dispose();
        Assert.Equal(0, SocketClients.Count(address, null));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    public async Task ClientsOfAPortAreCounted(string host)
    {
        var any = new IPEndPoint(IPAddress.Parse(host), 0);
        using var listener = new Socket(any.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(any);
        listener.Listen(5);
        var end = (IPEndPoint)listener.LocalEndPoint!;
        var address = new TcpNbdAddress(host, end.Port);
        using var client = new Socket(any.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(end);
        using Socket accepted = await listener.AcceptAsync();
        Assert.Equal(1, SocketClients.Count(address, null));
        Assert.Equal(1, SocketClients.Count(address, Environment.ProcessId));
    }

    [Fact]
    public void WhatTheKernelSaysIsUnderstood()
    {
        string[] lines =
        [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            "   0: 0100007F:2A39 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1",
            "   1: 0100007F:2A39 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 200 1",
            "   2: 0100007F:A000 0100007F:2A39 01 00000000:00000000 00:00000000 00000000     0        0 300 1",
            "   3: 0200007F:2A39 0100007F:A001 01 00000000:00000000 00:00000000 00000000     0        0 400 1",
        ];
        Assert.Equal(2, SocketClients.CountTcp(lines, 10809, null));
        Assert.Equal(1, SocketClients.CountTcp(lines, 10809, new HashSet<string> { "200", "100" }));
    }
}
