namespace MomentTools;

/// <summary>A snapshot to go back to, what becomes of the state that is left, and what the machine does afterwards.</summary>
public sealed record RestoreSnapshotRequest
{
    /// <summary>The snapshot.</summary>
    public required string Name { get; init; }

    /// <summary>A new branch to go to, so that the one that is left stays as it is; null: the active branch goes back.</summary>
    public string? Branch { get; init; }

    /// <summary>Also where snapshots or branches are lost by it.</summary>
    public bool Discard { get; init; }

    /// <summary>The name of a snapshot of the state that is left, taken first; null for none. Where nothing would be lost none is taken.</summary>
    public string? KeepCurrent { get; init; }

    /// <summary>Take that snapshot with the machine's memory.</summary>
    public bool KeepMemory { get; init; }

    /// <summary>The file for that memory, or null: beside the first disk.</summary>
    public string? MemoryPath { get; init; }

    /// <summary>Let the guest run while that memory is saved.</summary>
    public bool Live { get; init; }

    /// <summary>Hold the guest's file systems still for that snapshot.</summary>
    public bool Quiesce { get; init; }

    /// <summary>Let the machine run afterwards, whatever the snapshot says.</summary>
    public bool Running { get; init; }

    /// <summary>Let the machine stand still afterwards.</summary>
    public bool Paused { get; init; }

    /// <summary>Load the memory although the definition has changed: the machine gets the snapshot's, with the images of today. It discards nothing.</summary>
    public bool Force { get; init; }

    /// <summary>The machine is attached, and its owner knows that its disks get other images.</summary>
    public bool AcceptOwner { get; init; }

    /// <summary>How long what is left is kept aside for Undo-VMSnapshot; null for an hour, zero for not at all.</summary>
    public TimeSpan? UndoFor { get; init; }
}
