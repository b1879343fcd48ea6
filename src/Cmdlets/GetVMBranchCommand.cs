using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the branches of machines.</summary>
[Cmdlet(VerbsCommon.Get, "VMBranch")]
[OutputType(typeof(VMBranch))]
public sealed class GetVMBranchCommand : DomainCmdlet
{
    /// <summary>Names, with wildcards; all if not given.</summary>
    [Parameter(Position = 1)]
    [Alias("BranchName", "Branch")]
    [ArgumentCompleter(typeof(BranchCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord() =>
        ForEachDomain(VM, vm => WriteObject(Run((report, cancellation) => Engine.GetBranchesAsync(vm, Name, report, cancellation)), enumerateCollection: true));
}
