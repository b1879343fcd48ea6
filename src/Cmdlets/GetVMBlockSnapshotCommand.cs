using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the block snapshots of machines, and whether they can be read.</summary>
[Cmdlet(VerbsCommon.Get, "VMBlockSnapshot")]
[OutputType(typeof(VMBlockSnapshot), typeof(string))]
public sealed class GetVMBlockSnapshotCommand : DomainCmdlet
{
    /// <summary>Names, with wildcards; all if not given.</summary>
    [Parameter(Position = 1)]
    [Alias("SnapshotName", "BlockSnapshotName")]
    [ArgumentCompleter(typeof(BlockSnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Give a domainblocksnapshot document for each, which New-VMBlockSnapshot takes.</summary>
    [Parameter]
    [Alias("Xml")]
    public SwitchParameter AsXml { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        foreach (VMBlockSnapshot snapshot in Run((report, cancellation) => Engine.GetBlockSnapshotsAsync(vm, Name, report, cancellation)))
        {
            if (AsXml)
                Attempt(snapshot, () => WriteObject(Run((report, cancellation) => Engine.GetBlockSnapshotXmlAsync(vm, snapshot.Name, report, cancellation))));
            else
                WriteObject(snapshot);
        }
    });
}
