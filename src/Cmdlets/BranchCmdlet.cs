using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>What the cmdlets share that do something to branches that are there: named in a domain, or given as objects.</summary>
public abstract class BranchCmdlet : MomentCmdlet
{
    private protected const string NameSet = "Name";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private protected const string InputObjectSet = "InputObject";

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NameSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>Branch objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBranch")]
    [ValidateNotNullOrEmpty]
    public VMBranch[] InputObject { get; set; } = [];
}
