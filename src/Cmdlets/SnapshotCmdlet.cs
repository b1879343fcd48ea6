using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>What the cmdlets share that mean one snapshot: by its name, or as an object.</summary>
public abstract class SnapshotCmdlet : NamedCmdlet
{
    /// <summary>The snapshot's name.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(SnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";
}
