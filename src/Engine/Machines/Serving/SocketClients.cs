using System.Globalization;
using MomentTools.Files;
using MomentTools.Nbd;

namespace MomentTools.Machines.Serving;

/// <summary>Who is connected to a listening socket. Neither QEMU nor its storage daemon tells; the kernel does, in /proc/net.</summary>
internal static class SocketClients
{
    private const string Connected = "03", Established = "01", NotAccepted = "0";

    /// <summary>How many connections a server has at an address.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="serverProcess">The server: of a port only its own sockets are counted where they can be seen; null: all of the port.</param>
    public static int Count(NbdAddress address, int? serverProcess) => address switch
    {
        UnixNbdAddress unix => CountUnix(Lines("/proc/net/unix"), unix.Path),
        TcpNbdAddress tcp => CountTcp(Lines("/proc/net/tcp").Concat(Lines("/proc/net/tcp6")), tcp.Port, serverProcess is { } id ? Sockets(id) : null),
        _ => 0,
    };

    /// <summary>The lines of /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path.</summary>
    public static int CountUnix(IEnumerable<string> lines, string path) =>
        lines.Select(line => line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries))
            .Count(fields => fields.Length == 8 && fields[5] == Connected && fields[6] != NotAccepted && fields[7] == path);

    /// <summary>The lines of /proc/net/tcp and tcp6 (proc(5)): sl local_address rem_address st … inode.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="port">The server's port.</param>
    /// <param name="sockets">The inodes of the server's sockets, or null: not known.</param>
    public static int CountTcp(IEnumerable<string> lines, int port, IReadOnlySet<string>? sockets)
    {
        string end = ':' + port.ToString("X4", CultureInfo.InvariantCulture);
        return lines.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Count(fields => fields.Length > 9 && fields[1].EndsWith(end, StringComparison.Ordinal) && fields[3] == Established && fields[9] != NotAccepted && sockets?.Contains(fields[9]) != false);
    }

    // Of a process of another user nothing is seen.
    private static HashSet<string>? Sockets(int process)
    {
        const string Prefix = "socket:[";
        try
        {
            return [.. Directory.EnumerateFiles($"/proc/{process}/fd").Select(file => new FileInfo(file).LinkTarget).OfType<string>()
                .Where(target => target.StartsWith(Prefix, StringComparison.Ordinal)).Select(target => target[Prefix.Length..^1])];
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        // A kernel without IPv6 has no tcp6.
        catch (FileNotFoundException)
        {
            return [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }
    }
}
