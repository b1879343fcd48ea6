using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>What the cmdlets share that mean things of machines: named in a machine, or given as objects.</summary>
public abstract class NamedCmdlet : MomentCmdlet
{
    private protected const string NameSet = "Name";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private protected const string InputObjectSet = "InputObject";

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NameSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public virtual VMReference[] VM { get; set; } = [];
}
