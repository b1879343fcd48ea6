using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Pipeline;

namespace MomentTools.Cmdlets;

/// <summary>Gets the runs of bytes that were written since a moment, or between two.</summary>
[Cmdlet(VerbsCommon.Get, "VMChangedBlock", DefaultParameterSetName = InputObjectSet)]
[OutputType(typeof(VMChangedBlock), typeof(VMChangedBlockMeasure))]
public sealed class GetVMChangedBlockCommand : MomentCmdlet
{
    private const string SinceSet = "Since";
    private const string BetweenSet = "Between";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = SinceSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BetweenSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The moment from which changes count: its name, or the object.</summary>
    [Parameter(Position = 1, ParameterSetName = SinceSet)]
    [Alias("Checkpoint", "Incremental", "ChangeId")]
    [ArgumentCompleter(typeof(SinceCompleter))]
    [ValidateNotNull]
    public MomentReference Since { get; set; } = null!;

    /// <summary>One of two moments: its name, or the object.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BetweenSet)]
    [ArgumentCompleter(typeof(FromCompleter))]
    [ValidateNotNull]
    public MomentReference From { get; set; } = null!;

    /// <summary>The other moment; which of them is older does not matter.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BetweenSet)]
    [ArgumentCompleter(typeof(ToCompleter))]
    [ValidateNotNull]
    public MomentReference To { get; set; } = null!;

    /// <summary>Moment objects from which changes count, each in its own domain.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMMoment[] InputObject { get; set; } = [];

    /// <summary>A block snapshot: changes count up to the instant that it holds.</summary>
    [Parameter(ParameterSetName = SinceSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [Alias("BlockSnapshot")]
    [ArgumentCompleter(typeof(BlockSnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Snapshot { get; set; }

    /// <summary>The disks; all that the moment covers if not given.</summary>
    [Parameter]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Only how much: one result a disk.</summary>
    [Parameter]
    public SwitchParameter Measure { get; set; }

    /// <summary>With the content: each run can be opened as a stream.</summary>
    [Parameter]
    public SwitchParameter Read { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Measure && Read)
            ThrowTerminatingError(CmdletErrors.MeasuredContent().ToErrorRecord());
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (VM.Length > 0 && ParameterSetName == SinceSet && Since is null)
            ThrowTerminatingError(CmdletErrors.Missing("tell the changed blocks", "it is not said since when", "Name a moment with -Since, or two with -From and -To; Get-VMMoment lists them.").ToErrorRecord());
        foreach (VMMoment moment in InputObject)
            Attempt(moment, () => Write(moment.VM, moment.Name, null));
        ForEachDomain(VM, vm =>
        {
            if (ParameterSetName == BetweenSet)
                Write(vm, From.NameIn(vm), To.NameIn(vm));
            else
                Write(vm, Since!.NameIn(vm), null);
        });
    }

    private void Write(string vm, string since, string? to)
    {
        if (Measure)
        {
            WriteObject(Run((report, cancellation) => MeasureAsync(vm, since, to, report, cancellation)), enumerateCollection: true);
            return;
        }

        // Gone through here, so that what the list holds open is closed too where the pipeline has enough.
        foreach (VMChangedBlock block in Run((report, cancellation) => GetAsync(vm, since, to, report, cancellation)))
            WriteObject(block);
    }

    private Task<IReadOnlyList<VMChangedBlockMeasure>> MeasureAsync(string vm, string since, string? to, IOperationReport report, CancellationToken cancellation) =>
        Snapshot is { } snapshot ? Engine.MeasureBlockSnapshotChangesAsync(vm, since, snapshot, Disk, report, cancellation)
        : to is null ? Engine.MeasureChangedBlocksAsync(vm, since, Disk, report, cancellation)
        : Engine.MeasureChangedBlocksAsync(vm, since, to, Disk, report, cancellation);

    private Task<IReadOnlyList<VMChangedBlock>> GetAsync(string vm, string since, string? to, IOperationReport report, CancellationToken cancellation) =>
        Snapshot is { } snapshot ? Engine.GetBlockSnapshotChangesAsync(vm, since, snapshot, Read, Disk, report, cancellation)
        : Read ? Engine.ReadChangedBlocksAsync(vm, since, to, Disk, report, cancellation)
        : to is null ? Engine.GetChangedBlocksAsync(vm, since, Disk, report, cancellation)
        : Engine.GetChangedBlocksAsync(vm, since, to, Disk, report, cancellation);
}
