using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Lets the guests of running machines stand still.</summary>
[Cmdlet(VerbsLifecycle.Suspend, "VMDomain", SupportsShouldProcess = true)]
[OutputType(typeof(VMDomain))]
public sealed class SuspendVMDomainCommand : DomainCmdlet
{
    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        if (ShouldProcess(vm, "Let the guest stand still"))
            WriteObject(Run((report, cancellation) => Engine.SuspendDomainAsync(vm, report, cancellation)));
    });
}
