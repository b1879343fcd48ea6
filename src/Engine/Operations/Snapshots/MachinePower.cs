namespace MomentTools.Operations.Snapshots;

/// <summary>What a machine is to do after its disks were switched.</summary>
internal enum MachinePower
{
    /// <summary>What it did before; a guest that ran boots anew.</summary>
    AsBefore,

    /// <summary>Run.</summary>
    Running,

    /// <summary>Stand still, before its guest has done anything.</summary>
    Paused,

    /// <summary>Be shut off.</summary>
    Stopped,
}
