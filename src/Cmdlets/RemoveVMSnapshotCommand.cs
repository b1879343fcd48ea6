using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Pipeline;

namespace MomentTools.Cmdlets;

/// <summary>Removes snapshots; the content of every other moment stays.</summary>
[Cmdlet(VerbsCommon.Remove, "VMSnapshot", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMSnapshot), typeof(VMLayerChange), typeof(MomentJob))]
public sealed class RemoveVMSnapshotCommand : RemoveMomentCmdlet
{
    private const string KeptSet = "Kept";

    /// <summary>Snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot[] InputObject { get; set; } = [];

    /// <summary>How long Undo-VMSnapshot can bring them back; zero for not at all.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [Duration]
    [ValidateUndoTime]
    public TimeSpan? UndoFor { get; set; }

    /// <summary>The machines.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NameSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = KeptSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public override VMReference[] VM { get; set; } = [];

    /// <summary>The snapshots' names, with wildcards.</summary>
    [Parameter(Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(SnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public override string[] Name { get; set; } = [];

    /// <summary>Let go at once of what is kept aside for Undo-VMSnapshot, and finish what an interrupted merge left.</summary>
    [Parameter(Mandatory = true, ParameterSetName = KeptSet)]
    public SwitchParameter Kept { get; set; }

    /// <summary>The owner of an attached machine knows that it may run on another image afterwards.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    private protected override string? Kind => "Snapshot";

    private protected override TimeSpan? KeepFor => UndoFor;

    private protected override IEnumerable<VMMoment> Given => InputObject;

    private protected override void Process()
    {
        if (VM.Length > 0 && Name.Length == 0 && !Kept)
            ThrowTerminatingError(CmdletErrors.Missing("remove snapshots", "it is not said which", "Name them with -Name, which takes wildcards; -Kept is for what is kept aside to be undone.").ToErrorRecord());
        if (Kept)
            ForEachDomain(VM, LetGo);
        else
            base.Process();
    }

    private protected override IReadOnlyList<VMMoment> Execute(string vm, RemoveMomentRequest request)
    {
        var meant = new RemoveSnapshotRequest
        {
            Name = request.Name,
            Descendants = request.Descendants,
            DescendantsOnly = request.DescendantsOnly,
            MetadataOnly = request.MetadataOnly,
            UndoFor = UndoFor,
            KeepSince = request.KeepSince,
            AcceptOwner = AcceptOwner,
        };
        return Run((report, cancellation) => Engine.RemoveSnapshotsAsync(vm, meant, report, cancellation));
    }

    private void LetGo(string vm)
    {
        IReadOnlyList<VMKeptState> kept = Run((report, cancellation) => Engine.GetKeptStatesAsync(vm, report, cancellation));
        IReadOnlyList<VMLayerChange> files = Run((report, cancellation) => Engine.PlanKeptRemovalAsync(vm, report, cancellation));
        // Where nothing is kept, a merge that was interrupted may have left something to do.
        if (kept.Count == 0 && files.All(file => file.Action == "Keep"))
            return;
        string what = kept.Count == 0 ? "what nobody needs any more" : Listed([.. kept.Select(state => $"what {state.Operation} kept aside at {state.Since.ToLocalTime():yyyy-MM-dd HH:mm}")]);
        if (!ShouldProcess($"{vm}: {what}", $"Let go for good ({RemovalText.Files(files)})"))
            return;
        IReadOnlyList<VMLayerChange> gone = Run((report, cancellation) => Engine.RemoveKeptAsync(vm, AcceptOwner, report, cancellation));
        if (PassThru)
            WriteObject(gone, enumerateCollection: true);
    }
}
