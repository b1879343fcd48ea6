namespace MomentTools;

/// <summary>A moment, or all moments of a machine, as XML.</summary>
public sealed record VMMomentDocument
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The moment's name, or null: all moments are in it.</summary>
    public string? Name { get; init; }

    /// <summary>"Checkpoint" or "Snapshot", or null: all moments are in it.</summary>
    public string? Kind { get; init; }

    /// <summary>The document.</summary>
    public required string Xml { get; init; }

    /// <summary>The file it was written to, or null.</summary>
    public string? Path { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Xml;
}
