using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Removes snapshots; the content of every other moment stays.</summary>
[Cmdlet(VerbsCommon.Remove, "VMSnapshot", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMSnapshot), typeof(VMLayerChange))]
public sealed class RemoveVMSnapshotCommand : RemoveMomentCmdlet
{
    private const string KeptSet = "Kept";

    /// <summary>Snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMSnapshot")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot[] InputObject { get; set; } = [];

    /// <summary>How long Undo-VMSnapshot can bring them back; zero for not at all.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    public TimeSpan? UndoFor { get; set; }

    /// <summary>The machines.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NameSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = KeptSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public override VMReference[] VM { get; set; } = [];

    /// <summary>The snapshots' names, with wildcards.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "SnapshotName")]
    [ArgumentCompleter(typeof(SnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public override string[] Name { get; set; } = [];

    /// <summary>Let go at once of what is kept aside for Undo-VMSnapshot.</summary>
    [Parameter(Mandatory = true, ParameterSetName = KeptSet)]
    public SwitchParameter Kept { get; set; }

    /// <summary>The owner of an attached machine knows that it may run on another image afterwards.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    private protected override string? Kind => "Snapshot";

    private protected override TimeSpan? KeepFor => UndoFor;

    private protected override IEnumerable<VMMoment> Given => InputObject;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (Kept)
            ForEachDomain(VM, LetGo);
        else
            base.ProcessRecord();
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
        if (kept.Count == 0)
            return;
        string[] files = [.. kept.SelectMany(state => state.Files).Distinct(StringComparer.Ordinal).Select(path => $"'{path}'")];
        if (!ShouldProcess($"{vm}: {Listed([.. kept.Select(state => $"what {state.Operation} kept aside at {state.Since.ToLocalTime():g}")])}", $"Let go for good{(files.Length == 0 ? "" : $" (delete {string.Join(", ", files)})")}"))
            return;
        IReadOnlyList<VMLayerChange> gone = Run((report, cancellation) => Engine.RemoveKeptAsync(vm, AcceptOwner, report, cancellation));
        if (PassThru)
            WriteObject(gone, enumerateCollection: true);
    }
}
