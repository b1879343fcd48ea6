namespace MomentTools.Tests.Operations.Health;

/// <summary>One way in which metadata and disks come apart, made for real on a machine that was whole.</summary>
/// <param name="Name">What happened.</param>
/// <param name="ExpectedId">The one finding that tells of it.</param>
/// <param name="MakeAsync">Does it. The machine is stopped before, and as the drift leaves it afterwards.</param>
internal sealed record Drift(string Name, string ExpectedId, Func<TestMachine, Task> MakeAsync)
{
    /// <summary>Makes the machine that it happens to.</summary>
    public Func<Task<TestMachine>> MachineAsync { get; init; } = DriftMachine.WithTwoDisksAsync;

    /// <summary>What the finding names: the moment, the disk, the bitmaps; null where it names none.</summary>
    public string? Moment { get; init; }

    public string? Disk { get; init; }

    public string? Severity { get; init; }

    /// <summary>Whether the content of the disks can be read afterwards.</summary>
    public bool KeepsDisks { get; init; } = true;

    public override string ToString() => Name;
}
