namespace MomentTools.Machines;

/// <summary>What a machine's start needs beside its document. All paths are absolute: QEMU changes to / when it daemonizes.</summary>
/// <param name="MonitorPath">The socket of the monitor that commands use.</param>
/// <param name="SecondMonitorPath">The socket of a second monitor: each serves one client at a time.</param>
/// <param name="DiskChains">The layers of each disk that has a medium, by target, the top first.</param>
internal sealed record QemuRuntime(
    string MonitorPath,
    string SecondMonitorPath,
    string PidFile,
    string? LogPath,
    IReadOnlyDictionary<string, IReadOnlyList<ImageLayer>> DiskChains)
{
    /// <summary>The socket of the guest agent's channel where the document does not give one.</summary>
    public string AgentPath => AgentPathOf(MonitorPath);

    /// <summary>The socket of SPICE where the document leaves the port to us.</summary>
    public string SpicePath => MonitorPath + ".spice";

    /// <summary>The agent's socket that belongs to a machine with this monitor.</summary>
    public static string AgentPathOf(string monitorPath) => monitorPath + ".agent";
}
