namespace MomentTools.Bench;

/// <summary>One question answered by measuring two ways side by side: ours, and that of the tool people know.</summary>
internal interface IBench : IAsyncDisposable
{
    /// <summary>What is measured, in a few words.</summary>
    string Subject { get; }

    string OurWay { get; }

    string TheirWay { get; }

    /// <summary>How often one way is run within one sample; the sample is divided by it. For what is too short to time alone.</summary>
    int Repeats => 1;

    /// <summary>How many rounds are run before those that count: code that is compiled while it runs needs several.</summary>
    int WarmUps => 1;

    /// <summary>How many rounds count; fewer than usual for what takes long to prepare.</summary>
    int Rounds => 7;

    /// <summary>Makes what both ways work on; gives a sentence that says why the bench cannot run here, or null.</summary>
    Task<string?> PrepareAsync(string scratch, CancellationToken cancellation);

    /// <summary>Done before each round, outside the time that is measured.</summary>
    Task BeforeRoundAsync(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>What the last run of either way measured itself, in place of its whole time: how long the guest was stopped in it, say.</summary>
    TimeSpan? Told => null;

    Task OursAsync(CancellationToken cancellation);

    Task TheirsAsync(CancellationToken cancellation);

    /// <summary>Whether there is a part of ours that everything started from PowerShell has, and that is told apart in a line of its own.</summary>
    bool HasBare => false;

    /// <summary>That part alone.</summary>
    Task BareAsync(CancellationToken cancellation) => Task.CompletedTask;
}
