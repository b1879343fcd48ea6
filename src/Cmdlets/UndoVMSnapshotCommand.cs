using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Brings back what the last restore or removal discarded.</summary>
[Cmdlet(VerbsCommon.Undo, "VMSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMDomain))]
public sealed class UndoVMSnapshotCommand : DomainCmdlet
{
    /// <summary>The id of what is kept, as Get-VMSnapshot -Kept tells it; the last of each domain if not given.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(KeptCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Id { get; set; }

    /// <summary>The owner of an attached machine knows that its disks are others from then on.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    /// <summary>Give the domains.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        var request = new UndoSnapshotRequest { Id = Id, AcceptOwner = AcceptOwner };
        string plan = Run((report, cancellation) => Engine.PlanUndoAsync(vm, request, report, cancellation));
        if (!ShouldProcess(vm, plan))
            return;
        VMDomain domain = Run((report, cancellation) => Engine.UndoSnapshotAsync(vm, request, report, cancellation));
        if (PassThru)
            WriteObject(domain);
    });
}
