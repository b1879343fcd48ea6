using System.Globalization;
using System.Net;
using MomentTools.Nbd;

namespace MomentTools.Machines.Serving;

/// <summary>Which sockets a process of this host listens on: /proc/PID/fd has their inodes, /proc/PID/net what each inode is (proc(5)).</summary>
internal static class ListeningSockets
{
    private const string Prefix = "socket:[";

    // __SO_ACCEPTCON in /proc/net/unix, TCP_LISTEN in /proc/net/tcp.
    private const string UnixListens = "00010000";
    private const string TcpListens = "0A";

    /// <summary>The addresses that a process listens on, or null where this user may not see them.</summary>
    public static IReadOnlyList<NbdAddress>? Of(int processId) =>
        Inodes(processId) is { } inodes ? [.. All(processId).Where(socket => inodes.Contains(socket.Inode)).Select(socket => socket.Address)] : null;

    /// <summary>The processes that listen on a path or, on any address of this host, on a port; none where this user may not see them.</summary>
    public static IReadOnlyList<HostProcess> ProcessesAt(NbdAddress address)
    {
        HashSet<string> wanted = [.. All(Environment.ProcessId).Where(socket => IsSame(socket.Address, address)).Select(socket => socket.Inode)];
        return wanted.Count == 0 ? [] : [.. HostProcess.All().Where(process => !process.IsBeingStartedHere && Inodes(process.Id)?.Overlaps(wanted) == true)];
    }

    /// <summary>Whether anybody listens there, seen or not.</summary>
    public static bool IsTaken(NbdAddress address) => All(Environment.ProcessId).Any(socket => IsSame(socket.Address, address));

    private static bool IsSame(NbdAddress one, NbdAddress other) => (one, other) switch
    {
        (UnixNbdAddress first, UnixNbdAddress second) => first.Path == second.Path,
        (TcpNbdAddress first, TcpNbdAddress second) => first.Port == second.Port,
        _ => false,
    };

    private static HashSet<string>? Inodes(int processId)
    {
        try
        {
            HashSet<string> inodes = new(StringComparer.Ordinal);
            foreach (string file in Directory.EnumerateFiles($"/proc/{processId}/fd"))
                if (new FileInfo(file).LinkTarget is { } target && target.StartsWith(Prefix, StringComparison.Ordinal))
                    inodes.Add(target[Prefix.Length..^1]);
            return inodes;
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static IEnumerable<(string Inode, NbdAddress Address)> All(int processId)
    {
        foreach (string line in Lines(processId, "unix"))
        {
            // Num RefCount Protocol Flags Type St Inode Path; one with an abstract name or none has no path.
            string[] fields = line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 8 && fields[3] == UnixListens && fields[7].StartsWith('/'))
                yield return (fields[6], new UnixNbdAddress(fields[7]));
        }

        foreach (string line in Lines(processId, "tcp").Concat(Lines(processId, "tcp6")))
        {
            // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
            string[] fields = line.Split(' ', 11, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length >= 10 && fields[3] == TcpListens && Tcp(fields[1]) is { } address)
                yield return (fields[9], address);
        }
    }

    private static string[] Lines(int processId, string file)
    {
        try
        {
            return File.ReadAllLines($"/proc/{processId}/net/{file}");
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // Words of 32 bits as the host has them in memory, then the port; a wildcard is reached over the loopback.
    private static TcpNbdAddress? Tcp(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon is not (8 or 32) || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int port))
            return null;
        byte[] bytes = [.. Enumerable.Range(0, colon / 8).SelectMany(word => BitConverter.GetBytes(uint.Parse(text.AsSpan(word * 8, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)))];
        var address = new IPAddress(bytes);
        if (address.Equals(IPAddress.Any))
            address = IPAddress.Loopback;
        else if (address.Equals(IPAddress.IPv6Any))
            address = IPAddress.IPv6Loopback;
        return new TcpNbdAddress((address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString(), port);
    }
}
