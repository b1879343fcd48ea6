using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Gets the moments of machines: checkpoints and snapshots.</summary>
[Cmdlet(VerbsCommon.Get, "VMMoment")]
[OutputType(typeof(VMCheckpoint), typeof(VMSnapshot))]
public sealed class GetVMMomentCommand : SnapshotListCmdlet
{
    /// <summary>Only this kind; the tree is then the one of this kind.</summary>
    [Parameter]
    [Alias("Type")]
    [ValidateSet("Checkpoint", "Snapshot")]
    public string? Kind { get; set; }

    private protected override MomentQuery Narrow(MomentQuery query) => base.Narrow(query) with { Kind = Kind };
}
