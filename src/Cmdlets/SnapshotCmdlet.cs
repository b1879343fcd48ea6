using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>What the cmdlets share that mean one snapshot: by its name, or as an object.</summary>
public abstract class SnapshotCmdlet : MomentCmdlet
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

    /// <summary>The snapshot's name.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(SnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";
}
