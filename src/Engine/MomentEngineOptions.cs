using MomentTools.Machines;

namespace MomentTools;

/// <summary>Where the engine keeps its state and its sockets.</summary>
public sealed record MomentEngineOptions
{
    /// <summary>The directory with one directory per domain below <c>domains</c>.</summary>
    public required string StateRoot { get; init; }

    /// <summary>The directory for monitor sockets and pid files; short, since a socket's path has at most 107 bytes.</summary>
    public required string RuntimeRoot { get; init; }

    /// <summary>How long to wait for another process that changes the same domain.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Called at each step of a changing operation with its name; tests kill the process or the machine there.</summary>
    internal Action<string>? Probe { get; init; }

    /// <summary>How long a guest's agent may take.</summary>
    internal GuestAgentOptions Agent { get; init; } = GuestAgentOptions.Default;

    /// <summary>
    /// The usual places: <c>MOMENTTOOLS_HOME</c>, else /var/lib/momenttools for root, else <c>XDG_STATE_HOME</c>/momenttools;
    /// sockets in <c>XDG_RUNTIME_DIR</c> or /run.
    /// </summary>
    public static MomentEngineOptions FromEnvironment()
    {
        string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
        bool root = Environment.IsPrivilegedProcess;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string state = Variable("MOMENTTOOLS_HOME")
            ?? (root ? "/var/lib/momenttools" : Path.Combine(Variable("XDG_STATE_HOME") ?? Path.Combine(home, ".local", "state"), "momenttools"));
        // In /tmp a name that all users know would be taken by the first of them.
        string runtime = Variable("XDG_RUNTIME_DIR") is { } own ? Path.Combine(own, "momenttools")
            : root ? "/run/momenttools" : Path.Combine(Path.GetTempPath(), $"momenttools-{Files.Libc.EffectiveUser()}");
        return new MomentEngineOptions { StateRoot = Path.GetFullPath(state), RuntimeRoot = runtime };
    }
}
