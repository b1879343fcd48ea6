using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Starts machines.</summary>
[Cmdlet(VerbsLifecycle.Start, "VMDomain", SupportsShouldProcess = true)]
[OutputType(typeof(VMDomain), typeof(MomentJob))]
public sealed class StartVMDomainCommand : DomainCmdlet, ILongOperation
{
    /// <summary>Start QEMU, but let the guest wait.</summary>
    [Parameter]
    [Alias("StartPaused")]
    public SwitchParameter Paused { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process() => ForEachDomain(VM, vm =>
    {
        if (ShouldProcess(vm, Paused ? "Start, with the guest paused" : "Start"))
            WriteObject(Run((report, cancellation) => Engine.StartDomainAsync(vm, Paused, report, cancellation)));
    });
}
