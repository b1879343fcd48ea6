namespace MomentTools.Machines;

/// <summary>How long a guest's agent may take.</summary>
internal sealed record GuestAgentOptions
{
    public static readonly GuestAgentOptions Default = new();

    /// <summary>For connecting and for answers that cost the guest nothing: an agent that is not there never answers.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>For freezing: the guest first writes out what it holds in memory.</summary>
    public TimeSpan FreezeTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>For thawing, which may have to wait for a freeze that is under way.</summary>
    public TimeSpan ThawTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
