using MomentTools.Errors;

namespace MomentTools.Machines;

/// <summary>Failures of talking to the agent in a guest.</summary>
internal static class GuestAgentErrors
{
    public static readonly ErrorId GuestAgentMissing = new("GuestAgentMissing", ErrorKind.InvalidState);
    public static readonly ErrorId GuestAgentUnreachable = new("GuestAgentUnreachable", ErrorKind.Connection);
    public static readonly ErrorId GuestAgentAccessDenied = new("GuestAgentAccessDenied", ErrorKind.AccessDenied);
    public static readonly ErrorId GuestAgentBusy = new("GuestAgentBusy", ErrorKind.Busy);
    public static readonly ErrorId GuestAgentSilent = new("GuestAgentSilent", ErrorKind.Timeout);
    public static readonly ErrorId GuestAgentConnectionLost = new("GuestAgentConnectionLost", ErrorKind.Connection);
    public static readonly ErrorId GuestAgentProtocolViolation = new("GuestAgentProtocolViolation", ErrorKind.CorruptData);
    public static readonly ErrorId GuestAgentCommandFailed = new("GuestAgentCommandFailed", ErrorKind.Refused);

    private const string Install = "Install and start qemu-guest-agent in the guest, or leave out -Quiesce.";

    public static MomentException Missing(string vm, bool attached) => new(
        GuestAgentMissing,
        $"Cannot reach the guest agent of '{vm}': its definition has no channel '{GuestAgentChannel.PortName}' with a socket.",
        vm,
        attached
            ? "The machine is attached and was registered without its channel: register it with its XML (Register-VMDomain -Path and -Monitor), where the channel names its socket, or leave out -Quiesce."
            : "Add the channel to the definition (<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>) and start the machine anew, or leave out -Quiesce.");

    public static MomentException Unreachable(string vm, string path, Exception reason) => new(
        GuestAgentUnreachable, $"Cannot connect to the guest agent of '{vm}' at '{path}': {reason.Message}", vm,
        "Check that the machine was started with this channel. A machine that ran before the channel was added must be started anew.", reason);

    public static MomentException SocketMissing(string vm, string path, Exception reason) => new(
        GuestAgentUnreachable, $"Cannot connect to the guest agent of '{vm}' at '{path}': there is no such socket.", vm,
        "Check that the machine was started with this channel. A machine that ran before the channel was added must be started anew.", reason);

    public static MomentException AccessDenied(string vm, string path, Exception reason) => new(
        GuestAgentAccessDenied, $"Cannot connect to the guest agent of '{vm}' at '{path}': {reason.Message}", vm,
        "Run as the user who owns the socket, or give this user write permission on it and search permission on its directories.", reason);

    public static MomentException Busy(string vm, string path, Exception? reason = null) => new(
        GuestAgentBusy, $"Cannot talk to the guest agent of '{vm}': another client, such as libvirt, holds its channel '{path}'.", vm,
        "A guest agent's channel serves one client at a time. End the other client, or leave out -Quiesce.", reason);

    public static MomentException Silent(string vm, string command, TimeSpan waited) => new(
        GuestAgentSilent, $"The guest agent of '{vm}' did not answer '{command}' within {waited.TotalSeconds:0.###} s.", vm,
        command == GuestAgent.SyncCommand ? $"No agent seems to run in the guest. {Install}" : "The guest may be short of processor time or wait for slow storage: look at it, then try again.");

    public static MomentException ConnectionLost(string vm, string command, Exception? reason = null) => new(
        GuestAgentConnectionLost, $"The guest agent of '{vm}' gave no answer to '{command}': {reason?.Message ?? "the channel was closed."}", vm,
        "See whether the machine still runs and what its log says.", reason);

    public static MomentException Garbage(string vm, string command, string what, Exception? reason = null) => new(
        GuestAgentProtocolViolation, $"What the guest agent of '{vm}' sent for '{command}' cannot be used: {what}.", vm,
        "Look at what serves the channel in the guest: it must be QEMU's guest agent.", reason);

    public static MomentException CommandFailed(string vm, string command, string? errorClass, string description) => new(
        GuestAgentCommandFailed, $"The guest agent of '{vm}' refused '{command}': {description}", vm,
        errorClass == "CommandNotFound" ? "This agent is configured not to do that, or is too old for it." : "The reason is the guest's: look there, or leave out -Quiesce.") { PeerErrorClass = errorClass };
}
