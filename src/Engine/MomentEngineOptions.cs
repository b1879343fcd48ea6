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

    // Where systemd-logind makes a directory for each user while he is logged in, or always where he lingers.
    private const string LoginDirectories = "/run/user/";

    /// <summary>
    /// The usual places: <c>MOMENTTOOLS_HOME</c>, else /var/lib/momenttools for root, else <c>XDG_STATE_HOME</c>/momenttools;
    /// sockets in /run for root and in <c>XDG_RUNTIME_DIR</c> for others, and wherever that points to a place of its own.
    /// </summary>
    public static MomentEngineOptions FromEnvironment()
    {
        string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
        bool root = Environment.IsPrivilegedProcess;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string state = Variable("MOMENTTOOLS_HOME")
            ?? (root ? "/var/lib/momenttools" : Path.Combine(Variable("XDG_STATE_HOME") ?? Path.Combine(home, ".local", "state"), "momenttools"));
        string runtime = RuntimeRootOf(Variable("XDG_RUNTIME_DIR"), root, Files.Libc.EffectiveUser(), Directory.Exists);
        return new MomentEngineOptions { StateRoot = Path.GetFullPath(state), RuntimeRoot = runtime };
    }

    /// <summary>
    /// Where sockets are: the same for a terminal, which has <c>XDG_RUNTIME_DIR</c>, and for timers, cron and sudo, which have none. Else the one
    /// would take the other's machines for stopped.
    /// </summary>
    /// <param name="named">What <c>XDG_RUNTIME_DIR</c> says, or null.</param>
    internal static string RuntimeRootOf(string? named, bool root, uint user, Func<string, bool> exists)
    {
        const string Name = "momenttools";
        bool ofLogin = named?.StartsWith(LoginDirectories, StringComparison.Ordinal) == true;
        // What a login has ends with it, and root's machines do not. Behind su it is another user's.
        if (root && (named is null || ofLogin))
            return "/run/" + Name;
        if (named is not null)
            return Path.Combine(named, Name);
        // In /tmp a name that all users know would be taken by the first of them.
        return exists(LoginDirectories + user) ? $"{LoginDirectories}{user}/{Name}" : Path.Combine(Path.GetTempPath(), $"{Name}-{user}");
    }
}
