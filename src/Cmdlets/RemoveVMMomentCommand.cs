using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Removes moments of either kind; the tracking between those that stay goes on.</summary>
[Cmdlet(VerbsCommon.Remove, "VMMoment", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMMoment), typeof(MomentJob))]
public sealed class RemoveVMMomentCommand : RemoveMomentCmdlet
{
    /// <summary>Moment objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMMoment[] InputObject { get; set; } = [];

    private protected override IEnumerable<VMMoment> Given => InputObject;
}
