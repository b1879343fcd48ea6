using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Stops machines.</summary>
[Cmdlet(VerbsLifecycle.Stop, "VMDomain", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMDomain), typeof(MomentJob))]
public sealed class StopVMDomainCommand : DomainCmdlet, ILongOperation
{
    /// <summary>End QEMU at once: what the guest has not written is lost, as when power is cut.</summary>
    [Parameter]
    [Alias("TurnOff")]
    public SwitchParameter Force { get; set; }

    /// <summary>How many seconds the guest has to shut down.</summary>
    [Parameter]
    [Alias("Timeout")]
    [ValidateRange(1, 86400)]
    public int TimeoutSec { get; set; } = 60;

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process() => ForEachDomain(VM, vm =>
    {
        IReadOnlyList<string> served = Run((report, cancellation) => Engine.PlanStopAsync(vm, report, cancellation));
        string action = Force ? "End QEMU at once, as when power is cut" : "Shut down";
        if (!ShouldProcess(vm, served.Count == 0 ? action : $"{action}, and with it {string.Join(", ", served)}", served))
            return;
        var timeout = TimeSpan.FromSeconds(TimeoutSec);
        WriteObject(Run((report, cancellation) => Engine.StopDomainAsync(vm, Force, timeout, report, cancellation)));
    });
}
