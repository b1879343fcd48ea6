using System.Net;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>The process behind a QMP line.</summary>
internal static class MonitorProcess
{
    /// <summary>Its id, or null where it is on another host or this user may not see it.</summary>
    public static int? Of(QmpClient qmp)
    {
        if (qmp.Address is not { } address)
            return qmp.PeerProcessId;
        if (Listening(address) is not { } socket)
            return null;
        // The peer of a socket is who made it listen; libvirt does that and hands it to QEMU.
        return qmp.PeerProcessId is { } peer && ListeningSockets.Of(peer)?.Contains(socket) == true ? peer
            : ListeningSockets.ProcessesAt(socket) is [var holder, ..] ? holder.Id : null;
    }

    private static NbdAddress? Listening(QmpAddress address) => address switch
    {
        UnixQmpAddress unix => new UnixNbdAddress(unix.Path),
        TcpQmpAddress { Host: "localhost" } tcp => new TcpNbdAddress(tcp.Host, tcp.Port),
        TcpQmpAddress tcp when IPAddress.TryParse(tcp.Host, out IPAddress? host) && IPAddress.IsLoopback(host) => new TcpNbdAddress(tcp.Host, tcp.Port),
        _ => null,
    };
}
