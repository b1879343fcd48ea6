using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Merges the layers of the active branch above a snapshot into that snapshot's layer.</summary>
[Cmdlet(VerbsData.Merge, "VMSnapshot", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMSnapshot), typeof(MomentJob))]
public sealed class MergeVMSnapshotCommand : SnapshotCmdlet, ILongOperation
{
    /// <summary>Snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot[] InputObject { get; set; } = [];

    /// <summary>Where other branches stand on the layers, they get copies of what they read from them.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>The owner of an attached machine knows that it runs on another image afterwards.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    /// <summary>Give the snapshots that ended.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        foreach (VMSnapshot snapshot in InputObject)
            Attempt(snapshot, () => Merge(snapshot.VM, snapshot.Name));
        ForEachDomain(VM, vm => Attempt(Name, () => Merge(vm, Name)));
    }

    private void Merge(string vm, string name)
    {
        var request = new MergeSnapshotRequest { Name = name, Force = Force, AcceptOwner = AcceptOwner };
        VMSnapshotRemoval plan = Run((report, cancellation) => Engine.PlanSnapshotMergeAsync(vm, request, report, cancellation));
        string[] ends = [.. plan.Moments.Select(moment => $"'{moment.Name}'")];
        if (!ShouldProcess($"{vm}: snapshot '{name}'", RemovalText.Of($"Merge for good, ending {string.Join(", ", ends)}", plan), ends))
            return;
        foreach (VMMoment ended in Run((report, cancellation) => Engine.MergeSnapshotAsync(vm, request, report, cancellation)))
        {
            if (PassThru)
                WriteObject(ended);
        }
    }
}
