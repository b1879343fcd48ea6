using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Lets guests that stand still go on.</summary>
[Cmdlet(VerbsLifecycle.Resume, "VMDomain", SupportsShouldProcess = true)]
[OutputType(typeof(VMDomain))]
public sealed class ResumeVMDomainCommand : DomainCmdlet
{
    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        if (ShouldProcess(vm, "Let the guest go on"))
            WriteObject(Run((report, cancellation) => Engine.ResumeDomainAsync(vm, report, cancellation)));
    });
}
