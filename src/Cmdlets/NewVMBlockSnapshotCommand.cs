using System.Collections;
using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Makes a block snapshot: a temporary, read-only view of the disks at one instant, while the machine writes on.</summary>
[Cmdlet(VerbsCommon.New, "VMBlockSnapshot", DefaultParameterSetName = NameSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMBlockSnapshot))]
public sealed class NewVMBlockSnapshotCommand : DomainCmdlet
{
    private const string NameSet = "Name";
    private const string XmlSet = "Xml";
    private const string PathSet = "Path";

    /// <summary>The block snapshot's name; made of the time if not given.</summary>
    [Parameter(Position = 1, ParameterSetName = NameSet)]
    [Alias("SnapshotName", "BlockSnapshotName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The disks to show; all that the guest can write to if not given.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The scratch files, by disk.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Alias("Fleece")]
    [ValidateNotNull]
    public Hashtable Scratch { get; set; } = [];

    /// <summary>The directory for scratch files that are not named; beside each disk's image if not given.</summary>
    [Parameter]
    [Alias("ScratchDir")]
    [ValidateNotNullOrEmpty]
    public string? ScratchDirectory { get; set; }

    /// <summary>The most bytes that the scratch file of each disk may take before the block snapshot breaks.</summary>
    [Parameter]
    [ByteCount]
    [ValidateRange(1, long.MaxValue)]
    public long? ScratchLimit { get; set; }

    /// <summary>Take a checkpoint of this name at exactly the same instant.</summary>
    [Parameter]
    [Alias("Checkpoint")]
    [ValidateNotNullOrEmpty]
    public string? NewCheckpoint { get; set; }

    /// <summary>Have each guest's agent freeze its file systems for the instant; where that cannot be done, nothing is.</summary>
    [Parameter]
    public SwitchParameter Quiesce { get; set; }

    /// <summary>How long it lives if nobody removes it before.</summary>
    [Parameter]
    [Duration]
    [ValidateLease]
    public TimeSpan? Lease { get; set; }

    /// <summary>It ends with this PowerShell.</summary>
    [Parameter]
    public SwitchParameter OwnedBySession { get; set; }

    /// <summary>A domainblocksnapshot document that says name, disks and scratch files.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <summary>A file with such a document.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath", "XmlFile")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        CreateBlockSnapshotRequest request = Request();
        // Where its files come to lie is worth an own look before anything is done.
        VMBlockSnapshot plan = Run((report, cancellation) => Engine.PlanBlockSnapshotAsync(vm, request, report, cancellation));
        if (ShouldProcess(vm, Action(plan)))
            WriteObject(Run((report, cancellation) => Engine.CreateBlockSnapshotAsync(vm, request with { Name = plan.Name }, report, cancellation)));
    });

    private CreateBlockSnapshotRequest Request() => new()
    {
        Name = Name,
        Disks = Disk,
        Scratch = FilesByDisk(Scratch, CmdletErrors.ScratchWithoutFile),
        ScratchDirectory = ScratchDirectory is null ? null : FilePath(ScratchDirectory),
        ScratchLimit = ScratchLimit,
        NewCheckpoint = NewCheckpoint,
        Quiesce = Quiesce,
        Lease = Lease,
        OwnedBySession = OwnedBySession,
        Xml = Xml,
        XmlPath = Path is null ? null : FilePath(Path),
    };

    private string Action(VMBlockSnapshot plan)
    {
        string files = string.Join(", ", plan.Disks.Select(disk => disk.ScratchPath is { } path ? $"{disk.Name} with scratch file '{path}'" : $"{disk.Name} without a scratch file"));
        string limit = ScratchLimit is { } bytes && plan.Disks.Any(disk => disk.ScratchPath is not null) ? $", each at most {ByteText.Of(bytes)}" : "";
        string with = (NewCheckpoint is null ? "" : $", with checkpoint '{NewCheckpoint}'") + (Quiesce ? ", quiesced" : "");
        string until = (Lease is { } lease ? $", for {lease:c}" : "") + (OwnedBySession ? ", until this session ends" : "");
        return $"Make block snapshot '{plan.Name}' of {files}{limit}{with}{until}";
    }
}
