using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Changes what is said of moments.</summary>
[Cmdlet(VerbsCommon.Set, "VMMoment", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMMoment))]
public sealed class SetVMMomentCommand : NamedCmdlet
{
    /// <summary>The moment's name.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>Moment objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMMoment[] InputObject { get; set; } = [];

    /// <summary>The new words about it; empty or null takes them away.</summary>
    [Parameter]
    [Alias("Notes")]
    [AllowNull]
    [AllowEmptyString]
    public string? Description { get; set; }

    /// <summary>Make it the moment that the next one descends from.</summary>
    [Parameter]
    public SwitchParameter Current { get; set; }

    /// <summary>Give the moments as they are then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMMoment moment in InputObject)
            Attempt(moment, () => Set(moment.VM, $"{moment.Kind.ToLowerInvariant()}:{moment.Name}", moment.Name));
        ForEachDomain(VM, vm => Set(vm, Name, Name));
    }

    private void Set(string vm, string address, string shown)
    {
        var request = new SetMomentRequest
        {
            Name = address,
            Description = MyInvocation.BoundParameters.ContainsKey(nameof(Description)) ? Description ?? "" : null,
            Current = Current,
        };
        if (!ShouldProcess($"{vm}: '{shown}'", Action(request)))
            return;
        VMMoment changed = Run((report, cancellation) => Engine.SetMomentAsync(vm, request, report, cancellation));
        if (PassThru)
            WriteObject(changed);
    }

    private static string Action(SetMomentRequest request) => request switch
    {
        { Description: null } => "Make current",
        { Current: false } => "Describe",
        _ => "Describe and make current",
    };
}
