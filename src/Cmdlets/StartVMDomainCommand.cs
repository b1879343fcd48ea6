using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Starts machines.</summary>
[Cmdlet(VerbsLifecycle.Start, "VMDomain", SupportsShouldProcess = true)]
[OutputType(typeof(VMDomain))]
public sealed class StartVMDomainCommand : MomentCmdlet
{
    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

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
