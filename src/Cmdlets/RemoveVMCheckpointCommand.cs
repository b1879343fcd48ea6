using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Removes checkpoints; the tracking between the moments that stay goes on.</summary>
[Cmdlet(VerbsCommon.Remove, "VMCheckpoint", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMCheckpoint), typeof(MomentJob))]
public sealed class RemoveVMCheckpointCommand : RemoveMomentCmdlet
{
    /// <summary>Checkpoint objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMCheckpoint[] InputObject { get; set; } = [];

    private protected override string? Kind => "Checkpoint";

    private protected override IEnumerable<VMMoment> Given => InputObject;
}
