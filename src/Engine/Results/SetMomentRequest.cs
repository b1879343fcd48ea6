namespace MomentTools;

/// <summary>What to change about a moment.</summary>
public sealed record SetMomentRequest
{
    /// <summary>The moment's name.</summary>
    public required string Name { get; init; }

    /// <summary>The new words about it; empty takes them away, null leaves them as they are.</summary>
    public string? Description { get; init; }

    /// <summary>Make it the moment that the next one descends from. What is recorded between moments does not change by it.</summary>
    public bool Current { get; init; }
}
