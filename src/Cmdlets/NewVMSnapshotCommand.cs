using System.Collections;
using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Takes a snapshot: a moment that can be gone back to.</summary>
[Cmdlet(VerbsCommon.New, "VMSnapshot", DefaultParameterSetName = NameSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMSnapshot), typeof(MomentJob))]
public sealed class NewVMSnapshotCommand : DomainCmdlet, ILongOperation
{
    private const string NameSet = "Name";
    private const string XmlSet = "Xml";
    private const string PathSet = "Path";

    /// <summary>The snapshot's name; made of the time if not given.</summary>
    [Parameter(Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Words about it.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("Notes")]
    public string? Description { get; set; }

    /// <summary>The disks to cover; all that the guest can write to if not given.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>A libvirt-style domainsnapshot document that says all this.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <summary>A file with such a document.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath", "XmlFile")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Leave the memory of a running machine out.</summary>
    [Parameter]
    public SwitchParameter DiskOnly { get; set; }

    /// <summary>Keep the snapshot inside the qcow2 images, in place of new layers on top of them.</summary>
    [Parameter]
    public SwitchParameter Internal { get; set; }

    /// <summary>Save the memory, or fail.</summary>
    [Parameter]
    [Alias("IncludeMemory")]
    public SwitchParameter Memory { get; set; }

    /// <summary>The file for the memory; one beside the first disk if not given.</summary>
    [Parameter]
    [Alias("MemorySpec", "MemoryFile")]
    [ValidateNotNullOrEmpty]
    public string? MemoryPath { get; set; }

    /// <summary>Let the guest work on while its memory is saved.</summary>
    [Parameter]
    public SwitchParameter Live { get; set; }

    /// <summary>Leave the machine stopped: it does nothing after the instant of the snapshot.</summary>
    [Parameter]
    public SwitchParameter Halt { get; set; }

    /// <summary>Have each guest's agent freeze its file systems for the instant; where that cannot be done, no snapshot is taken.</summary>
    [Parameter]
    public SwitchParameter Quiesce { get; set; }

    /// <summary>The files of new layers, by disk.</summary>
    [Parameter]
    [ValidateNotNull]
    public Hashtable Overlay { get; set; } = [];

    /// <summary>How the names of new files begin; with a '/', their place too.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Prefix { get; set; }

    /// <summary>Take files that are there already as the new layers, after a check that each is empty and fits.</summary>
    [Parameter]
    public SwitchParameter ReuseExternal { get; set; }

    /// <summary>Take the snapshot, but keep no moment that names it.</summary>
    [Parameter]
    public SwitchParameter NoMetadata { get; set; }

    /// <summary>Take the document as the description of a snapshot that is there already; nothing is done to the machine.</summary>
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    public SwitchParameter Redefine { get; set; }

    /// <summary>With -Redefine: make it the current moment.</summary>
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    public SwitchParameter Current { get; set; }

    /// <summary>The owner of a machine that was attached will start it on the files that it works on from now on.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private string Action =>
        $"{(Redefine ? "Take over the description of a snapshot" : $"Take {(Internal ? "internal " : "")}{(Name is null ? "a snapshot" : $"snapshot '{Name}'")}")}{(DiskOnly ? ", disks only" : "")}{(Quiesce ? ", quiesced" : "")}{(Halt ? ", and stop the machine" : "")}";

    private protected override void Process() => ForEachDomain(VM, vm =>
    {
        CreateSnapshotRequest request = Request();
        IReadOnlyList<string> lost = Run((report, cancellation) => Engine.PlanSnapshotAsync(vm, request, report, cancellation));
        if (ShouldProcess(vm, lost.Count == 0 ? Action : $"{Action}, which puts out of reach what lies inside the images: {Listed(lost)}", [Action, .. lost]))
            WriteObject(Run((report, cancellation) => Engine.CreateSnapshotAsync(vm, request, report, cancellation)));
    });

    private CreateSnapshotRequest Request()
    {
        string? file = Path is null ? null : FilePath(Path);
        return new CreateSnapshotRequest
        {
            Name = Name, Description = Description, Disks = Disk, DiskOnly = DiskOnly, Internal = Internal, Memory = Memory, MemoryPath = MemoryPath is null ? null : FilePath(MemoryPath), Live = Live, Halt = Halt,
            Quiesce = Quiesce, ReuseExternal = ReuseExternal, Overlays = FilesByDisk(Overlay, CmdletErrors.OverlayWithoutFile), Prefix = Place(Prefix), NoMetadata = NoMetadata, Xml = Xml, XmlPath = file, Redefine = Redefine, Current = Current, AcceptOwner = AcceptOwner,
        };
    }

    // A name alone stays one; a place is meant from where PowerShell is.
    private string? Place(string? prefix)
    {
        int slash = prefix?.LastIndexOf('/') ?? -1;
        return slash < 0 ? prefix : FilePath(prefix![..(slash + 1)]).TrimEnd('/') + prefix![slash..];
    }
}
