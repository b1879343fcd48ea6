namespace MomentTools;

/// <summary>What a restore or a removal discarded and Undo-VMSnapshot can bring back.</summary>
public sealed record VMKeptState
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>What Undo-VMSnapshot -Id takes.</summary>
    public required string Id { get; init; }

    /// <summary>The cmdlet that discarded it.</summary>
    public required string Operation { get; init; }

    /// <summary>When that was.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Until when it is kept: the next changing command after that lets it go.</summary>
    public required DateTimeOffset Until { get; init; }

    /// <summary>The branch whose tip was left, or that was removed; null where none was.</summary>
    public string? Branch { get; init; }

    /// <summary>The moments that were removed.</summary>
    public IReadOnlyList<string> Moments { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The bytes that become free when it is let go.</summary>
    public long Bytes { get; init; }

    /// <summary>The files that go then.</summary>
    public IReadOnlyList<string> Files { get; init => field = Indexed.Of(value); } = [];

    /// <inheritdoc/>
    public override string ToString() => $"{Operation} ({Id})";
}
