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

    private readonly List<VMReference> _group = [];

    /// <summary>The checkpoint's name; made of the time if not given.</summary>
    [Parameter(Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Words about it.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("Notes")]
    public string? Description { get; set; }

    /// <summary>The disks to cover; all if not given.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Cover the disks that can be tracked, and leave out the others instead of refusing.</summary>
    [Parameter]
    public SwitchParameter TrackableOnly { get; set; }

    /// <summary>Make the bitmaps only, and no moment that names them.</summary>
    [Parameter]
    public SwitchParameter NoMetadata { get; set; }

    /// <summary>A libvirt-style domaincheckpoint document that says all this.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <summary>Have each guest's agent freeze its file systems for the instant; where that cannot be done, no checkpoint is taken.</summary>
    [Parameter]
    public SwitchParameter Quiesce { get; set; }

    /// <summary>Take the machines as one group: a checkpoint on each of them, as near in time as can be, or on none.</summary>
    [Parameter]
    public SwitchParameter Group { get; set; }

    private CreateCheckpointRequest Request =>
        new() { Name = Name, Description = Description, Disks = Disk, TrackableOnly = TrackableOnly, NoMetadata = NoMetadata, Xml = Xml, Quiesce = Quiesce };

    private string Action => $"{(Name is null ? "Take a checkpoint" : $"Take checkpoint '{Name}'")}{(Quiesce ? ", quiesced" : "")}";

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (Group)
        {
            _group.AddRange(VM);
            return;
        }

        ForEachDomain(VM, vm =>
        {
            if (ShouldProcess(vm, Action))
                WriteObject(Run((report, cancellation) => Engine.CreateCheckpointAsync(vm, Request, report, cancellation)));
        });
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // One that does not exist is an error of the whole group: nothing is taken.
        if (Group)
            Attempt(null, () =>
            {
                List<string> names = [.. _group.SelectMany(reference => reference.Resolve(Engine))];
                if (ShouldProcess(string.Join(", ", names), Action + " on all of them or none"))
                    WriteObject(Run((report, cancellation) => Engine.CreateCheckpointGroupAsync(names, Request, report, cancellation)), enumerateCollection: true);
            });
    }
}
