using System.Net.Sockets;
using MomentTools.Errors;

namespace MomentTools.Nbd;

/// <summary>What can go wrong between us and an NBD server.</summary>
internal static class NbdErrors
{
    public static readonly ErrorId NbdAddressInvalid = new("NbdAddressInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId NbdNameTooLong = new("NbdNameTooLong", ErrorKind.InvalidArgument);
    public static readonly ErrorId NbdRangeInvalid = new("NbdRangeInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId NbdConnectFailed = new("NbdConnectFailed", ErrorKind.Connection);
    public static readonly ErrorId NbdConnectionLost = new("NbdConnectionLost", ErrorKind.Connection);
    public static readonly ErrorId NbdHandshakeTimeout = new("NbdHandshakeTimeout", ErrorKind.Timeout);
    public static readonly ErrorId NbdServerSilent = new("NbdServerSilent", ErrorKind.Timeout);
    public static readonly ErrorId NbdProtocolViolation = new("NbdProtocolViolation", ErrorKind.CorruptData);
    public static readonly ErrorId NbdServerTooOld = new("NbdServerTooOld", ErrorKind.Unsupported);
    public static readonly ErrorId NbdTlsRequired = new("NbdTlsRequired", ErrorKind.Unsupported);
    public static readonly ErrorId NbdTlsNotOffered = new("NbdTlsNotOffered", ErrorKind.Unsupported);
    public static readonly ErrorId NbdTlsFailed = new("NbdTlsFailed", ErrorKind.Connection);
    public static readonly ErrorId NbdTlsUntrusted = new("NbdTlsUntrusted", ErrorKind.Connection);
    public static readonly ErrorId NbdTlsCredentialsInvalid = new("NbdTlsCredentialsInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId NbdFlushUnsupported = new("NbdFlushUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId NbdExportNotWritable = new("NbdExportNotWritable", ErrorKind.Unsupported);
    public static readonly ErrorId NbdExportNotFound = new("NbdExportNotFound", ErrorKind.NotFound);
    public static readonly ErrorId NbdContextNotGranted = new("NbdContextNotGranted", ErrorKind.NotFound);
    public static readonly ErrorId NbdNegotiationRefused = new("NbdNegotiationRefused", ErrorKind.Refused);
    public static readonly ErrorId NbdReadFailed = new("NbdReadFailed", ErrorKind.Refused);
    public static readonly ErrorId NbdCommandFailed = new("NbdCommandFailed", ErrorKind.Refused);

    private const int NoSuchFile = 2;

    public static MomentException AddressNotUnderstood(string text, string why) =>
        new(NbdAddressInvalid, $"Cannot use '{text}' as the address of an NBD server: {why}.", text,
            "Write unix:///path/of/socket or tcp://host:port.");

    public static MomentException UriNotUnderstood(string text, string why) =>
        new(NbdAddressInvalid, $"Cannot use '{text}' as the URI of an NBD export: {why}.", text,
            "Write nbd://host:port/export or nbd+unix:///export?socket=/path; nbds and nbds+unix demand TLS.");

    public static MomentException NameTooLong(string what, string name) =>
        new(NbdNameTooLong, $"Cannot ask an NBD server for a {what} of {name.Length} characters: the protocol allows {NbdLimits.MaxString} bytes.",
            name[..Math.Min(name.Length, 64)], "Use a shorter name.");

    public static MomentException RangeOutside(NbdEndpoint endpoint, long offset, long length, long size) =>
        new(NbdRangeInvalid, $"Cannot work on {length} bytes at offset {offset} of {endpoint}: it has {size} bytes.", endpoint.Address,
            "Keep offset and length within the export.");

    public static MomentException SocketMissing(NbdEndpoint endpoint, Exception failure) =>
        new(NbdConnectFailed, $"Cannot connect to {endpoint}: there is no such socket.", endpoint.Address,
            "Check that the server runs and that the path is right.", failure)
        { PeerErrorNumber = NoSuchFile };

    public static MomentException ConnectFailed(NbdEndpoint endpoint, SocketException failure) =>
        new(NbdConnectFailed, $"Cannot connect to {endpoint}: {failure.Message}.", endpoint.Address,
            "Check that the server runs and that the address is right.", failure)
        { PeerErrorNumber = failure.NativeErrorCode };

    /// <param name="writes">How many requests that change the export were under way; null where the export is read-only.</param>
    public static MomentException ConnectionLost(NbdEndpoint endpoint, Exception reason, int? writes) =>
        new(NbdConnectionLost, $"The connection to {endpoint} is lost: {Sentence(reason.Message)}" + writes switch
        {
            null => "",
            0 => " No write was under way.",
            1 => " 1 write was under way: whether it was carried out, wholly or in part, is not known.",
            _ => $" {writes} writes were under way: whether they were carried out, wholly or in part, is not known.",
        }, endpoint.Address, "Check that the server still runs, then run the command again.", reason);

    public static MomentException NotSent(NbdEndpoint endpoint, Exception reason) =>
        new(NbdConnectionLost, $"The connection to {endpoint} is lost, and nothing more was sent: {reason.Message}", endpoint.Address,
            "Check that the server still runs, then run the command again.", reason);

    public static MomentException HungUpInHandshake(NbdEndpoint endpoint, Exception reason) =>
        new(NbdConnectionLost, $"Cannot open {endpoint}: the connection broke during negotiation: {reason.Message}", endpoint.Address,
            "The server may have ended, serve no such export, or have reached its number of clients.", reason);

    public static MomentException HandshakeTimedOut(NbdEndpoint endpoint, TimeSpan patience) =>
        new(NbdHandshakeTimeout, $"Cannot open {endpoint}: negotiation was not done within {patience.TotalSeconds:0.##} s.", endpoint.Address,
            "The server may have as many clients as it allows (qemu-nbd: --shared), or the address is not that of an NBD server.");

    public static MomentException ServerSilent(NbdEndpoint endpoint, TimeSpan patience) =>
        new(NbdServerSilent, $"Gave up on {endpoint}: it left requests unanswered and sent nothing for {patience.TotalSeconds:0.##} s.", endpoint.Address,
            "Check that the server is neither stopped nor waiting for its storage.");

    public static MomentException Violation(NbdEndpoint endpoint, string what) =>
        new(NbdProtocolViolation, $"Cannot use {endpoint}: it does not keep to the NBD protocol: {what}.", endpoint.Address,
            "Check that the address is that of an NBD server. Nothing that it sent has been used.");

    public static MomentException TooOld(NbdEndpoint endpoint, string lacks) =>
        new(NbdServerTooOld, $"Cannot open {endpoint}: the server does not offer {lacks}.", endpoint.Address,
            "Serve the disk with qemu-nbd, nbdkit, or QEMU itself.");

    public static MomentException TlsRequired(NbdEndpoint endpoint, string words) =>
        new(NbdTlsRequired, Said($"Cannot open {endpoint}: the server wants TLS, and the connection is without", words), endpoint.Address,
            "Name the directory with ca-cert.pem, client-cert.pem and client-key.pem, or export the disk without TLS on a unix socket.");

    public static MomentException TlsNotOffered(NbdEndpoint endpoint, string code, string words) =>
        new(NbdTlsNotOffered, Said($"Cannot open {endpoint} with TLS: the server answered {code}, and nothing was sent in the clear", words), endpoint.Address,
            "Check that the server was given certificates; if it was, somebody sits between.");

    public static MomentException TlsFailed(NbdEndpoint endpoint, Exception failure) =>
        new(NbdTlsFailed, $"Cannot open {endpoint} with TLS: {Sentence((failure.InnerException ?? failure).Message)}", endpoint.Address,
            "Check the certificates of both sides; the server's log may say more.", failure);

    public static MomentException TlsEndedAtOnce(NbdEndpoint endpoint, Exception failure) =>
        new(NbdTlsFailed, $"Cannot open {endpoint}: the server hung up as soon as TLS was on: {Sentence(failure.Message)}", endpoint.Address,
            "It may not accept the client's certificate: check that its authority is the one that the server knows, that it has not expired, and that there is one.",
            failure);

    public static MomentException TlsUntrusted(NbdEndpoint endpoint, string host, string why) =>
        new(NbdTlsUntrusted, $"Cannot open {endpoint}: the server's certificate is not to be trusted for '{host}': {why}.", endpoint.Address,
            "Check that ca-cert.pem is of the authority that signed it, that it has not expired, and that it names this host.");

    public static MomentException TlsCredentialsInvalid(string path, string why, Exception? failure = null) =>
        new(NbdTlsCredentialsInvalid, $"Cannot use '{path}' for TLS: {Sentence(why)}", path,
            "The directory must hold ca-cert.pem, and client-cert.pem with client-key.pem if the server asks for a certificate, as QEMU's tls-creds-x509 has them.",
            failure);

    public static MomentException ExportNotFound(NbdEndpoint endpoint, string words, IReadOnlyList<NbdExport>? known) =>
        new(NbdExportNotFound,
            Said($"Cannot open {endpoint}: the server has no such export", words)
            + known switch { null => "", { Count: 0 } => " It lists no exports.", _ => $" It lists {Names(known)}." },
            endpoint.ExportName, "Check the name of the export, and that it is still served: nbdinfo --list shows what a server has.");

    public static MomentException ContextNotGranted(NbdEndpoint endpoint, string context, IReadOnlyList<string> granted) =>
        new(NbdContextNotGranted,
            $"Cannot ask {endpoint} for '{context}': the server did not grant that metadata context. "
            + (granted.Count == 0 ? "It granted none." : $"It granted {string.Join(", ", granted)}."),
            context, "Check that the bitmap is exported under this name and that the connection asked for it.");

    public static MomentException NegotiationRefused(NbdEndpoint endpoint, string doing, string code, string words) =>
        new(NbdNegotiationRefused, Said($"Cannot {doing} of {endpoint}: the server answered {code}", words), endpoint.Address,
            "Put right what the server complains about; its own log may say more.");

    public static MomentException FlushUnsupported(NbdEndpoint endpoint) =>
        new(NbdFlushUnsupported, $"Cannot flush {endpoint}: the server does not offer NBD_CMD_FLUSH.", endpoint.Address,
            "Use a server that can flush, such as qemu-nbd, nbdkit or QEMU itself: without it nobody knows when what was written is safe.");

    public static MomentException NotWritable(NbdEndpoint endpoint, string what, string why) =>
        new(NbdExportNotWritable, $"Cannot write {what} to {endpoint}: {why}.", endpoint.Address,
            "Write to an export that was opened for writing, on a server that has the command.");

    public static MomentException NotOffered(NbdEndpoint endpoint, string what) =>
        new(NbdExportNotWritable, $"Cannot write to {endpoint} so: the server does not offer {what}.", endpoint.Address,
            "Use a server that has the command, such as qemu-nbd, nbdkit or QEMU itself.");

    public static MomentException RangeMisaligned(NbdEndpoint endpoint, long offset, long length, uint minimum) =>
        new(NbdRangeInvalid, $"Cannot write {length} bytes at offset {offset} of {endpoint}: the server takes whole blocks of {minimum} bytes.", endpoint.Address,
            "Write whole blocks: read the edges first, if nobody else writes to the export.");

    public static MomentException Failed(NbdEndpoint endpoint, NbdNumbers.Command command, ulong offset, uint length, NbdServerError error)
    {
        string doing = command switch
        {
            NbdNumbers.Command.Read => $"read {length} bytes at offset {offset}",
            NbdNumbers.Command.BlockStatus => $"get the block status of {length} bytes at offset {offset}",
            NbdNumbers.Command.Write => $"write {length} bytes at offset {offset}",
            NbdNumbers.Command.Flush => "flush the writes",
            NbdNumbers.Command.Trim => $"trim {length} bytes at offset {offset}",
            NbdNumbers.Command.WriteZeroes => $"write {length} zeroes at offset {offset}",
            _ => $"run {command}",
        };
        return new MomentException(command == NbdNumbers.Command.Read ? NbdReadFailed : NbdCommandFailed,
            $"Cannot {doing} of {endpoint}: the server answered {error}.", endpoint.Address,
            "Look at the server's log and at the storage that it serves.")
        {
            PeerErrorNumber = unchecked((int)error.Number),
        };
    }

    private static string Said(string sentence, string words) => words.Length == 0 ? $"{sentence}." : $"{sentence} ({words.TrimEnd('.')}).";

    private static string Sentence(string words) => words.TrimEnd() is var text && text.EndsWith('.') ? text : text + ".";

    private static string Names(IReadOnlyList<NbdExport> exports) =>
        string.Join(", ", exports.Take(10).Select(export => $"'{export.Name}'")) + (exports.Count > 10 ? $" and {exports.Count - 10} more" : "");
}
