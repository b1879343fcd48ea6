using MomentTools.Files;

namespace MomentTools.Machines;

/// <summary>Where a domain's files are.</summary>
/// <param name="StateDirectory">What is kept: the document, moments, logs.</param>
/// <param name="RuntimeDirectory">What lives with a process: sockets and the pid file. Its path is short, and it may not be there.</param>
internal sealed record DomainPlace(string Name, string StateDirectory, string RuntimeDirectory)
{
    /// <summary>The directory above all domains: what concerns several of them at once is there.</summary>
    public string StateRoot => Path.GetDirectoryName(Path.GetDirectoryName(StateDirectory))!;

    /// <summary>QEMU's log: what it said since its last start.</summary>
    public string LogPath => Path.Combine(StateDirectory, "qemu.log");

    /// <summary>The monitor that changes go through.</summary>
    public string MonitorPath => Path.Combine(RuntimeDirectory, "qmp");

    /// <summary>The monitor that queries go through, so that they need not wait for a change.</summary>
    public string SecondMonitorPath => Path.Combine(RuntimeDirectory, "qmp2");

    public string PidFile => Path.Combine(RuntimeDirectory, "pid");

    /// <summary>Makes the runtime directory, for this user alone: who reaches a monitor's socket owns the machine.</summary>
    public void MakeRuntimeDirectory() => PrivateDirectory.MakeForSockets(RuntimeDirectory);
}
