using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Removes checkpoints; the tracking between the moments that stay goes on.</summary>
[Cmdlet(VerbsCommon.Remove, "VMCheckpoint", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMCheckpoint))]
public sealed class RemoveVMCheckpointCommand : MomentCmdlet
{
    private const string NameSet = "Name";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    // What went with an earlier one is not an error when its own turn comes.
    private readonly HashSet<(string VM, string Name)> _removed = [];

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NameSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The checkpoints' names, with wildcards.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("CheckpointName")]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Checkpoint objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMCheckpoint[] InputObject { get; set; } = [];

    /// <summary>Also everything below them.</summary>
    [Parameter]
    [Alias("IncludeAllChildSnapshots", "IncludeAllChildCheckpoints", "RemoveChildren", "Recurse")]
    public SwitchParameter IncludeDescendant { get; set; }

    /// <summary>Only what is below them.</summary>
    [Parameter]
    [Alias("ChildrenOnly")]
    public SwitchParameter DescendantOnly { get; set; }

    /// <summary>Forget them, and leave the bitmaps in the images as they are.</summary>
    [Parameter]
    public SwitchParameter MetadataOnly { get; set; }

    /// <summary>Give the checkpoints that were removed.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMCheckpoint checkpoint in InputObject)
            Attempt(checkpoint, () => Remove(checkpoint.VM, checkpoint.Name));
        ForEachDomain(VM, vm =>
        {
            foreach (string name in Name)
                Attempt(name, () => RemoveMatching(vm, name));
        });
    }

    private void RemoveMatching(string vm, string name)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(name))
        {
            Remove(vm, name);
            return;
        }

        var query = new MomentQuery { Names = [name], Kind = "Checkpoint", Topological = true };
        foreach (VMMoment match in Run((report, cancellation) => Engine.GetMomentsAsync(vm, query, report, cancellation)))
            Attempt(match, () => Remove(vm, match.Name));
    }

    private void Remove(string vm, string name)
    {
        if (_removed.Contains((vm, name)))
            return;
        var request = new RemoveMomentRequest
        {
            Name = name,
            Descendants = IncludeDescendant,
            DescendantsOnly = DescendantOnly,
            MetadataOnly = MetadataOnly,
        };
        IReadOnlyList<VMMoment> plan = Run((report, cancellation) => Engine.PlanRemovalAsync(vm, request, report, cancellation));
        if (plan.FirstOrDefault(moment => moment.Name == name) is { } named and not VMCheckpoint)
            throw CmdletErrors.NotACheckpoint(name, vm, named.Kind);
        if (plan.Count == 0)
            return;

        foreach (VMMoment moment in plan)
            _removed.Add((vm, moment.Name));
        if (!ShouldProcess($"{vm}: {Listed([.. plan.Select(moment => $"{moment.Kind.ToLowerInvariant()} '{moment.Name}'")])}", Action()))
            return;
        foreach (VMMoment gone in Run((report, cancellation) => Engine.RemoveMomentsAsync(vm, request, report, cancellation)))
        {
            if (PassThru)
                WriteObject(gone);
        }
    }

    private string Action() => MetadataOnly ? "Forget, leaving the bitmaps in the images" : "Remove";
}
