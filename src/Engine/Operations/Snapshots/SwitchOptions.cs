namespace MomentTools.Operations.Snapshots;

/// <summary>How a branch is left for another one, and what the machine does afterwards.</summary>
internal sealed record SwitchOptions
{
    /// <summary>Save the memory of a running machine with the branch that is left.</summary>
    public bool KeepMemory { get; init; }

    /// <summary>The file for that memory, or null: beside the first disk.</summary>
    public string? MemoryPath { get; init; }

    /// <summary>Run afterwards, whatever the machine did before.</summary>
    public bool Running { get; init; }

    /// <summary>Stand still afterwards.</summary>
    public bool Paused { get; init; }

    /// <summary>Whether the owner of an attached machine knows that its disks get other images.</summary>
    public bool AcceptOwner { get; init; }
}
