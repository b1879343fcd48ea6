using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Machines.Serving;

/// <summary>Failures of serving disks at an address of the user's.</summary>
internal static class ServingDaemonErrors
{
    public static readonly ErrorId ExportAddressTaken = new("ExportAddressTaken", ErrorKind.Busy);
    public static readonly ErrorId ExportAddressUnusable = new("ExportAddressUnusable", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportSocketExists = new("ExportSocketExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId ExportNameInvalid = new("ExportNameInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId ExportNameTaken = new("ExportNameTaken", ErrorKind.AlreadyExists);
    public static readonly ErrorId ExportSourceUnreachable = new("ExportSourceUnreachable", ErrorKind.Connection);
    public static readonly ErrorId TlsCredentialsMissing = new("TlsCredentialsMissing", ErrorKind.NotFound);
    public static readonly ErrorId TlsCredentialsInvalid = new("TlsCredentialsInvalid", ErrorKind.InvalidArgument);

    public static MomentException Taken(NbdAddress address, Exception? inner = null)
    {
        IReadOnlyList<HostProcess> holders = ListeningSockets.ProcessesAt(address);
        string who = holders.Count > 0 ? string.Join(" and ", holders.Select(process => $"{process.Name} (process {process.Id})")) : "another process, which this user may not see";
        return new(
            ExportAddressTaken, $"Cannot serve at {address}: the port is in use by {who}.", address.ToString(),
            "Give another port, or port 0 to have a free one picked.", inner) { PeerErrorClass = (inner as MomentException)?.PeerErrorClass };
    }

    public static MomentException Unusable(NbdAddress address, string why, Exception? inner = null) =>
        new(
            ExportAddressUnusable, $"Cannot serve at {address}: {why}.", address.ToString(),
            "Give an address of this host, or a path in a directory that is there.", inner) { PeerErrorClass = (inner as MomentException)?.PeerErrorClass };

    public static MomentException SocketExists(UnixNbdAddress address) =>
        new(
            ExportSocketExists, $"Cannot serve at {address}: there is a file of that name, and it is never overwritten.", address.ToString(),
            "Give another path, or remove the file if nobody needs it.");

    public static MomentException NameInvalid(string name, string why) =>
        new(
            ExportNameInvalid, $"Cannot export a disk as '{Shown(name)}': {why}.", Shown(name),
            "Give a name of at most 4096 bytes, in valid Unicode and without a NUL.");

    public static MomentException NameTaken(string name, string where) =>
        new(
            ExportNameTaken, $"Cannot export a disk as '{Shown(name)}': {where} that name already.", Shown(name),
            "Give each export at one address a name of its own.");

    public static MomentException SourceUnreachable(string name, MomentException inner) =>
        new(
            ExportSourceUnreachable, $"Cannot pass the export '{Shown(name)}' on: its source cannot be opened: {inner.Message}", Shown(name),
            "Check that the machine, or the storage daemon that holds its disks, still runs.", inner) { PeerErrorClass = inner.PeerErrorClass };

    public static MomentException CredentialsMissing(string path, string kind) =>
        new(
            TlsCredentialsMissing, $"Cannot serve with TLS: '{path}' is not there or cannot be read.", path,
            kind == "psk"
                ? "The directory needs keys.psk, with a line USER:HEXKEY for each client (psktool makes it)."
                : "The directory needs ca-cert.pem, server-cert.pem and server-key.pem (certtool or openssl make them).");

    public static MomentException CredentialsInvalid(string path, string why, Exception? inner = null) =>
        new(
            TlsCredentialsInvalid, $"Cannot serve with TLS: '{path}' {why}.", path,
            "Put valid credentials there, then run the command again: nothing was started.", inner) { PeerErrorClass = (inner as MomentException)?.PeerErrorClass };

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";
}
