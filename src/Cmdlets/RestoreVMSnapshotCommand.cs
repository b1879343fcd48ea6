using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Goes back to a snapshot. What is left stays as a branch, or is kept aside for a while.</summary>
[Cmdlet(VerbsData.Restore, "VMSnapshot", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMSnapshotRestore), typeof(MomentJob))]
public sealed class RestoreVMSnapshotCommand : SnapshotCmdlet, ILongOperation
{
    /// <summary>Snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot[] InputObject { get; set; } = [];

    /// <summary>A new branch to go back on: the one that is left stays as it is.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Branch { get; set; }

    /// <summary>Give up what is lost by it: snapshots and branches inside the images that are left.</summary>
    [Parameter]
    public SwitchParameter Discard { get; set; }

    /// <summary>Take a snapshot of this name of what is left, first.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeepCurrent { get; set; }

    /// <summary>Take that snapshot with the machine's memory.</summary>
    [Parameter]
    [Alias("IncludeMemory")]
    public SwitchParameter Memory { get; set; }

    /// <summary>The file for that memory; beside the first disk if not given.</summary>
    [Parameter]
    [Alias("MemorySpec", "MemoryFile")]
    [ValidateNotNullOrEmpty]
    public string? MemoryPath { get; set; }

    /// <summary>Let the guest work on while that memory is saved.</summary>
    [Parameter]
    public SwitchParameter Live { get; set; }

    /// <summary>Have the guest's agent freeze its file systems for that snapshot.</summary>
    [Parameter]
    public SwitchParameter Quiesce { get; set; }

    /// <summary>Let the machine run afterwards.</summary>
    [Parameter]
    [Alias("Start", "PowerOn")]
    public SwitchParameter Running { get; set; }

    /// <summary>Let the machine stand still afterwards.</summary>
    [Parameter]
    [Alias("StartPaused")]
    public SwitchParameter Paused { get; set; }

    /// <summary>Load the memory although the definition has changed since: the machine gets the snapshot's again.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>The machine is one that somebody else starts, and they know that its disks get other images.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    /// <summary>How long what is left is kept aside for Undo-VMSnapshot; an hour if not given.</summary>
    [Parameter]
    [Duration]
    [ValidateNotNull]
    [ValidateUndoTime]
    public TimeSpan? UndoFor { get; set; }

    /// <summary>Give what was done.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        foreach (VMSnapshot snapshot in InputObject)
            Attempt(snapshot, () => Restore(snapshot.VM, snapshot.Name));
        ForEachDomain(VM, vm => Restore(vm, Name));
    }

    private void Restore(string vm, string name)
    {
        var request = new RestoreSnapshotRequest
        {
            Name = name,
            Branch = Branch,
            Discard = Discard,
            KeepCurrent = KeepCurrent,
            KeepMemory = Memory,
            MemoryPath = MemoryPath is null ? null : FilePath(MemoryPath),
            Live = Live,
            Quiesce = Quiesce,
            Running = Running,
            Paused = Paused,
            Force = Force,
            AcceptOwner = AcceptOwner,
            UndoFor = UndoFor,
        };
        VMSnapshotRestore plan = Run((report, cancellation) => Engine.PlanSnapshotRestoreAsync(vm, request, report, cancellation));
        // How much was written goes on while the machine runs.
        if (!ShouldProcess(vm, Action(plan), [$"to '{plan.Snapshot}'", .. plan.Disks.Select(disk => $"{disk.Name} {disk.Restored}"), .. plan.Discarded]))
            return;
        VMSnapshotRestore done = Run((report, cancellation) => Engine.RestoreSnapshotAsync(vm, request, report, cancellation));
        if (PassThru)
            WriteObject(done);
    }

    private string Action(VMSnapshotRestore plan)
    {
        string[] written = [.. plan.Disks.Where(disk => disk is { Restored: true, Written: not 0 })
            .Select(disk => disk.Written is { } bytes ? $"{ByteText.Of(bytes)} on '{disk.Name}'" : $"an unknown number of bytes on '{disk.Name}'")];
        string left = written.Length == 0 ? "nothing was written since the last snapshot"
            : $"written since the last snapshot, and {(Branch is not null ? $"left on branch '{plan.LeftBranch}'" : KeepCurrent is not null ? $"kept as snapshot '{KeepCurrent}'" : UndoFor == TimeSpan.Zero ? "lost" : "kept aside for Undo-VMSnapshot")}: {string.Join(", ", written)}";
        string[] staying = [.. plan.Disks.Where(disk => !disk.Restored).Select(disk => $"'{disk.Name}'")];
        return $"Go back to snapshot '{plan.Snapshot}'{(Branch is null ? "" : $" on the new branch '{Branch}'")} ({left}"
            + $"{(staying.Length == 0 ? "" : $"; disk {string.Join(", ", staying)} is not covered and stays as it is")}"
            + $"{(plan.Discarded.Count == 0 ? "" : $"; {(Discard ? "with it" : "which needs -Discard, since with it")} {(plan.Discarded.Count == 1 ? "goes" : "go")} {Listed(plan.Discarded)}")})";
    }
}
