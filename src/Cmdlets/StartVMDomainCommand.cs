using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Starts machines.</summary>
[Cmdlet(VerbsLifecycle.Start, "VMDomain", SupportsShouldProcess = true)]
[OutputType(typeof(VMDomain))]
public sealed class StartVMDomainCommand : DomainCmdlet
{
    /// <summary>Start QEMU, but let the guest wait.</summary>
    [Parameter]
    [Alias("StartPaused")]
    public SwitchParameter Paused { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        if (ShouldProcess(vm, Paused ? "Start, with the guest paused" : "Start"))
            WriteObject(Run((report, cancellation) => Engine.StartDomainAsync(vm, Paused, report, cancellation)));
    });
}
