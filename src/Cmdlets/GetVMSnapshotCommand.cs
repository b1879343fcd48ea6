using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the snapshots of machines, in the tree of snapshots alone; or what is kept aside of those that were left or removed.</summary>
[Cmdlet(VerbsCommon.Get, "VMSnapshot")]
[OutputType(typeof(VMSnapshot), typeof(VMKeptState))]
public sealed class GetVMSnapshotCommand : SnapshotListCmdlet
{
    /// <summary>Names, with wildcards.</summary>
    [Parameter(Position = 1)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(SnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public override string[] Name { get; set; } = [];

    /// <summary>What Undo-VMSnapshot can bring back, in place of the snapshots.</summary>
    [Parameter]
    public SwitchParameter Kept { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (Kept)
            ForEachDomain(VM, vm => WriteObject(Run((report, cancellation) => Engine.GetKeptStatesAsync(vm, report, cancellation)), enumerateCollection: true));
        else
            base.ProcessRecord();
    }

    private protected override MomentQuery Narrow(MomentQuery query) => base.Narrow(query) with { Kind = "Snapshot" };
}
