using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Makes MomentTools forget machines; their disks stay.</summary>
[Cmdlet(VerbsLifecycle.Unregister, "VMDomain", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class UnregisterVMDomainCommand : DomainCmdlet
{
    /// <summary>Also remove the domain's moments, and their bitmaps from the images.</summary>
    [Parameter]
    public SwitchParameter RemoveMetadata { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        if (ShouldProcess(vm, Action(vm)))
            Run((report, cancellation) => Engine.UnregisterDomainAsync(vm, RemoveMetadata, report, cancellation));
    });

    private string Action(string vm)
    {
        if (!RemoveMetadata)
            return "Unregister";
        IReadOnlyList<VMMoment> moments = Run((report, cancellation) => Engine.GetMomentsAsync(vm, new MomentQuery(), report, cancellation));
        return moments.Count == 0
            ? "Unregister"
            : $"Unregister, and lose {moments.Count} moment(s) with their bitmaps: {Listed([.. moments.Select(moment => moment.Name)])}";
    }
}
