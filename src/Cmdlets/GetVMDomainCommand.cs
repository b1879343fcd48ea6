using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets machines, and what they are doing now.</summary>
[Cmdlet(VerbsCommon.Get, "VMDomain")]
[OutputType(typeof(VMDomain))]
public sealed class GetVMDomainCommand : MomentCmdlet
{
    /// <summary>The domains; all if not given.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [new VMReference("*")];

    /// <inheritdoc/>
    protected override void ProcessRecord() =>
        ForEachDomain(VM, vm => WriteObject(Run((report, cancellation) => Engine.GetDomainAsync(vm, report, cancellation))));
}
