using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Makes a branch that begins at a snapshot, without going there.</summary>
[Cmdlet(VerbsCommon.New, "VMBranch", DefaultParameterSetName = NameSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMBranch))]
public sealed class NewVMBranchCommand : DomainCmdlet
{
    private const string NameSet = "Name";
    private const string XmlSet = "Xml";

    /// <summary>The branch's name.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("BranchName", "Branch")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The snapshot that it begins at: its name, or the object.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NameSet)]
    [Alias("Snapshot", "SnapshotName", "VMSnapshot")]
    [ArgumentCompleter(typeof(SnapshotCompleter))]
    [ValidateNotNull]
    public MomentReference? From { get; set; }

    /// <summary>Words about it.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("Notes")]
    public string? Description { get; set; }

    /// <summary>A libvirt-style domainsnapshot document that names the snapshot and, in its element branch, the branch.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        var request = new CreateBranchRequest { Name = Name, From = From?.NameIn(vm), Description = Description, Xml = Xml };
        if (ShouldProcess(vm, Name is null ? "Make the branch of the document" : $"Make branch '{Name}' from snapshot '{request.From}'"))
            WriteObject(Run((report, cancellation) => Engine.CreateBranchAsync(vm, request, report, cancellation)));
    });
}
