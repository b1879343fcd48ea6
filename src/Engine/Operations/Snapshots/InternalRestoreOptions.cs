using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>How to go to a state inside the images.</summary>
internal sealed record InternalRestoreOptions
{
    /// <summary>How long what is left is kept where nobody says otherwise.</summary>
    public static readonly TimeSpan DefaultUndo = TimeSpan.FromHours(1);

    /// <summary>The new branch that begins at the snapshot, so that the one that is left stays with its tip; null: the active one goes back.</summary>
    public string? Branch { get; init; }

    /// <summary>How long what a branch loses that goes back is kept aside; zero: it is given up.</summary>
    public TimeSpan UndoFor { get; init; } = DefaultUndo;

    /// <summary>Whether the memory of a running machine is saved with what is left.</summary>
    public bool KeepMemory { get; init; }

    /// <summary>What the machine does afterwards: Running, Paused or Stopped; null: what the snapshot says.</summary>
    public VMState? Goal { get; init; }

    /// <summary>Whether memory is loaded although the machine's definition is another one than the snapshot's.</summary>
    public bool Force { get; init; }

    /// <summary>The cmdlet, for what is kept aside.</summary>
    public string Cmdlet { get; init; } = "Restore-VMSnapshot";

    /// <summary>What else changes in the metadata with it.</summary>
    public Func<DomainMoments, DomainMoments> Decide { get; init; } = state => state;
}
