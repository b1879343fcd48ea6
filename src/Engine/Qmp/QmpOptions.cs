namespace MomentTools.Qmp;

/// <summary>How a QMP link is made and how much it may take in.</summary>
internal sealed record QmpOptions
{
    public static readonly QmpOptions Default = new();

    /// <summary>How long to wait for the connection and for the greeting: a monitor that another client holds never greets.</summary>
    public TimeSpan GreetingTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The largest single message taken in, and the most that one listener's waiting events may hold, in bytes.</summary>
    public int MaxReplyBytes { get; init; } = 64 << 20;

    /// <summary>Is handed every message as it goes over the wire, in order for each direction.</summary>
    public Action<QmpTraceLine>? Trace { get; init; }
}
