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

    /// <summary>With -RemoveMetadata: leave the images as they are, for instance where they are gone.</summary>
    [Parameter]
    public SwitchParameter KeepBitmaps { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        var request = new UnregisterDomainRequest { RemoveMetadata = RemoveMetadata, KeepBitmaps = KeepBitmaps };
        if (ShouldProcess(vm, Action(vm)))
            Run((report, cancellation) => Engine.UnregisterDomainAsync(vm, request, report, cancellation));
    });

    private string Action(string vm)
    {
        if (!RemoveMetadata)
            return "Unregister";
        IReadOnlyList<VMMoment> moments = Run((report, cancellation) => Engine.GetMomentsAsync(vm, new MomentQuery(), report, cancellation));
        return moments.Count == 0
            ? "Unregister"
            : $"Unregister, and lose {moments.Count} moment(s) {(KeepBitmaps ? "but not" : "with")} their bitmaps: {Listed([.. moments.Select(moment => moment.Name)])}";
    }
}
