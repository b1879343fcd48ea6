namespace MomentTools;

/// <summary>A branch to go to, and how the one that is left is left.</summary>
public sealed record SwitchBranchRequest
{
    /// <summary>The branch to go to.</summary>
    public required string Name { get; init; }

    /// <summary>Save the memory of a running machine with the branch that is left, so that coming back resumes it.</summary>
    public bool KeepMemory { get; init; }

    /// <summary>The file for that memory, or null: beside the first disk.</summary>
    public string? MemoryPath { get; init; }

    /// <summary>Let the machine run afterwards, whatever it did before.</summary>
    public bool Running { get; init; }

    /// <summary>Let the machine stand still afterwards.</summary>
    public bool Paused { get; init; }

    /// <summary>The machine is attached, and its owner knows that its disks get other images.</summary>
    public bool AcceptOwner { get; init; }
}
