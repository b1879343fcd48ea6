using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>Failures of the monitor: no link, a broken link, a reply that is not QMP, and QEMU's own refusals.</summary>
internal static class QmpErrors
{
    public static readonly ErrorId QmpAddressInvalid = new("QmpAddressInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId QmpMonitorUnreachable = new("QmpMonitorUnreachable", ErrorKind.Connection);
    public static readonly ErrorId QmpMonitorAccessDenied = new("QmpMonitorAccessDenied", ErrorKind.AccessDenied);
    public static readonly ErrorId QmpMonitorBusy = new("QmpMonitorBusy", ErrorKind.Busy);
    public static readonly ErrorId QmpMonitorSilent = new("QmpMonitorSilent", ErrorKind.Timeout);
    public static readonly ErrorId QmpConnectionLost = new("QmpConnectionLost", ErrorKind.Connection);
    public static readonly ErrorId QmpProtocolViolation = new("QmpProtocolViolation", ErrorKind.CorruptData);
    public static readonly ErrorId QmpEventsOverrun = new("QmpEventsOverrun", ErrorKind.Connection);
    public static readonly ErrorId QmpCommandFailed = new("QmpCommandFailed", ErrorKind.Refused);
    public static readonly ErrorId QmpDeviceUnknown = new("QmpDeviceUnknown", ErrorKind.NotFound);
    public static readonly ErrorId QmpJobExists = new("QmpJobExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId QmpJobFailed = new("QmpJobFailed", ErrorKind.Refused);
    public static readonly ErrorId QmpJobVanished = new("QmpJobVanished", ErrorKind.InvalidState);
    public static readonly ErrorId QmpJobStuck = new("QmpJobStuck", ErrorKind.Timeout);

    private const string NotQmpAdvice = "Make sure that the address is that of a QMP monitor of QEMU (-qmp), not of a human monitor, a console or an NBD server.";

    public static MomentException Unreachable(string name, Exception reason) => new(
        QmpMonitorUnreachable, $"Cannot connect to the QMP monitor at {name}: {reason.Message}", name,
        "Check that the machine runs and that the address is the one of its -qmp option.", reason);

    public static MomentException SocketMissing(string name, Exception reason) => new(
        QmpMonitorUnreachable, $"Cannot connect to the QMP monitor at {name}: there is no such socket.", name,
        "Check that the machine runs and that the address is the one of its -qmp option.", reason);

    public static MomentException AccessDenied(string name, Exception reason) => new(
        QmpMonitorAccessDenied, $"Cannot connect to the QMP monitor at {name}: {reason.Message}", name,
        "Run as the user who owns the socket, or give this user write permission on it and search permission on its directories.", reason);

    public static MomentException Busy(string name, Exception? reason = null) => new(
        QmpMonitorBusy, $"The QMP monitor at {name} accepts connections but does not greet: another client, such as libvirt, probably holds it.", name,
        "A QMP socket serves one client at a time. End the other client, or start QEMU with a second -qmp socket and use that.", reason);

    public static MomentException Silent(string name, TimeSpan waited) => new(
        QmpMonitorSilent, $"The QMP monitor at {name} greeted but did not answer qmp_capabilities within {waited.TotalSeconds:0.###} s.", name,
        "QEMU's main loop is blocked, perhaps by slow storage. Try again when the machine responds.");

    /// <summary>The link is gone while something waited for it; <paramref name="reason"/> says how it went.</summary>
    /// <param name="waiting">What waited, as a subject: "The command 'stop'".</param>
    public static MomentException ConnectionLost(string name, string waiting, Exception reason) => new(
        QmpConnectionLost, $"{waiting} got no answer because the QMP connection to {name} was lost: {reason.Message}", name,
        "See whether the machine still runs and what its log says. A command that was already sent may have been carried out.", reason);

    public static MomentException Garbage(string name, string what, Exception? reason = null) => new(
        QmpProtocolViolation, $"The other side of {name} does not speak QMP: {what}", name, NotQmpAdvice, reason);

    public static MomentException BadReply(string command, string what, Exception? reason = null) => new(
        QmpProtocolViolation, $"What QEMU sent for '{command}' cannot be used: {what}", command,
        "This QEMU may be of a version that MomentTools does not know. Report its version and this message.", reason);

    public static MomentException CommandFailed(string name, string command, string? errorClass, string description) => new(
        QmpCommandFailed, $"QEMU at {name} refused '{command}': {description}", command,
        "Put right what QEMU complains about, then run the command again.") { PeerErrorClass = errorClass };

    public static MomentException JobFailed(QmpJobInfo job) => new(
        QmpJobFailed, $"The job '{job.Id}' ({job.Type}) failed: {job.Error}", job.Id, "Put right what QEMU complains about, then run the command again.");
}
