using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Takes a checkpoint: from now on the changed blocks are recorded.</summary>
[Cmdlet(VerbsCommon.New, "VMCheckpoint", DefaultParameterSetName = NameSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMCheckpoint))]
public sealed class NewVMCheckpointCommand : DomainCmdlet
{
    private const string NameSet = "Name";
    private const string XmlSet = "Xml";

    /// <summary>The checkpoint's name; made of the time if not given.</summary>
    [Parameter(Position = 1, ParameterSetName = NameSet)]
    [Alias("CheckpointName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Words about it.</summary>
    [Parameter(ParameterSetName = NameSet)]
    public string? Description { get; set; }

    /// <summary>The disks to cover; all if not given.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Cover the disks that can be tracked, and leave out the others instead of refusing.</summary>
    [Parameter]
    public SwitchParameter TrackableOnly { get; set; }

    /// <summary>A libvirt-style domaincheckpoint document that says all this.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        if (!ShouldProcess(vm, Name is null ? "Take a checkpoint" : $"Take checkpoint '{Name}'"))
            return;
        var request = new CreateCheckpointRequest { Name = Name, Description = Description, Disks = Disk, TrackableOnly = TrackableOnly, Xml = Xml };
        WriteObject(Run((report, cancellation) => Engine.CreateCheckpointAsync(vm, request, report, cancellation)));
    });
}
