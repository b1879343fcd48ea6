namespace MomentTools;

/// <summary>A virtual machine as MomentTools knows it.</summary>
public sealed record VMDomain
{
    /// <summary>The machine's name.</summary>
    public required string Name { get; init; }

    /// <summary>The same name, so that the object binds to -VM by property.</summary>
    public string VM => Name;

    /// <summary>The machine's UUID.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>What the machine is doing now.</summary>
    public required VMState State { get; init; }

    /// <summary>Whether somebody else starts the machine and MomentTools only talks to its monitor.</summary>
    public bool Attached { get; init; }

    /// <summary>The address of its QMP monitor, or null while it is stopped.</summary>
    public string? Monitor { get; init; }

    /// <summary>The process id of QEMU, where MomentTools started it and it runs.</summary>
    public int? ProcessId { get; init; }

    /// <summary>The moment that the present state descends from, or null: no moment, or the disks do not agree.</summary>
    public string? Current { get; init; }

    /// <summary>The branch that the machine is on.</summary>
    public string Branch { get; init; } = "main";

    /// <summary>How many checkpoints and snapshots there are.</summary>
    public int Moments { get; init; }

    /// <summary>The disks, in the order of the definition.</summary>
    public IReadOnlyList<VMDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <summary>An operation that was interrupted and that the next changing command finishes or undoes, or null.</summary>
    public string? Pending { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
