using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>What the cmdlets share that do something to branches that are there: named in a domain, or given as objects.</summary>
public abstract class BranchCmdlet : NamedCmdlet
{
    /// <summary>Branch objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBranch")]
    [ValidateNotNullOrEmpty]
    public VMBranch[] InputObject { get; set; } = [];
}
