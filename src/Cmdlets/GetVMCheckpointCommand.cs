using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Gets the checkpoints of machines, in the tree of checkpoints alone.</summary>
[Cmdlet(VerbsCommon.Get, "VMCheckpoint")]
[OutputType(typeof(VMCheckpoint))]
public sealed class GetVMCheckpointCommand : MomentListCmdlet
{
    private protected override MomentQuery Narrow(MomentQuery query) => query with { Kind = "Checkpoint" };
}
