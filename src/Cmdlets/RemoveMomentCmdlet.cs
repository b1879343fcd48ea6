using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>What the cmdlets share that remove moments: of either kind, or of one.</summary>
public abstract class RemoveMomentCmdlet : NamedCmdlet, ILongOperation
{
    // What went with an earlier one is not an error when its own turn comes.
    private readonly HashSet<(string VM, string Kind, string Name)> _removed = [];
    // Several snapshots that go with one command can all be brought back.
    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow;

    /// <summary>The moments' names, with wildcards.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public virtual string[] Name { get; set; } = [];

    /// <summary>Also everything below them.</summary>
    [Parameter]
    [Alias("Descendants", "IncludeAllChildSnapshots", "IncludeAllChildCheckpoints", "RemoveChildren", "Recurse")]
    public SwitchParameter IncludeDescendant { get; set; }

    /// <summary>Only what is below them.</summary>
    [Parameter]
    [Alias("DescendantsOnly", "ChildrenOnly")]
    public SwitchParameter DescendantOnly { get; set; }

    /// <summary>Forget them, and leave their bitmaps and their content as they are.</summary>
    [Parameter]
    public SwitchParameter MetadataOnly { get; set; }

    /// <summary>Give the moments that were removed.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    /// <summary>"Checkpoint" or "Snapshot" where only that kind is meant, or null.</summary>
    private protected virtual string? Kind => null;

    /// <summary>How long snapshots among them can be brought back; null for an hour.</summary>
    private protected virtual TimeSpan? KeepFor => null;

    /// <summary>The objects given in place of names.</summary>
    private protected abstract IEnumerable<VMMoment> Given { get; }

    private protected override void Process()
    {
        foreach (VMMoment moment in Given)
            Attempt(moment, () => Remove(moment.VM, moment.Name, moment.Kind));
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
            Remove(vm, name, Kind);
            return;
        }

        var query = new MomentQuery { Names = [name], Kind = Kind, Topological = true };
        foreach (VMMoment match in Run((report, cancellation) => Engine.GetMomentsAsync(vm, query, report, cancellation)))
            Attempt(match, () => Remove(vm, match.Name, match.Kind));
    }

    private void Remove(string vm, string name, string? kind)
    {
        if (kind is not null && _removed.Contains((vm, kind, name)))
            return;
        var request = new RemoveMomentRequest
        {
            Name = name,
            Kind = kind,
            Descendants = IncludeDescendant,
            DescendantsOnly = DescendantOnly,
            MetadataOnly = MetadataOnly,
            KeepSince = _began,
        };
        IReadOnlyList<VMMoment> plan = Run((report, cancellation) => Engine.PlanRemovalAsync(vm, request, report, cancellation));
        if (Kind is not null && plan.FirstOrDefault(moment => moment.Name == name) is { } named && named.Kind != Kind)
            throw Kind == "Snapshot" ? CmdletErrors.NotASnapshot(name, vm, named.Kind) : CmdletErrors.NotACheckpoint(name, vm, named.Kind);
        if (plan.Count == 0)
            return;

        foreach (VMMoment moment in plan)
            _removed.Add((vm, moment.Kind, moment.Name));
        string[] going = [.. plan.Select(moment => $"{moment.Kind.ToLowerInvariant()} '{moment.Name}'")];
        if (!ShouldProcess($"{vm}: {Listed(going)}", Action(vm, request, plan), going))
            return;
        foreach (VMMoment gone in Execute(vm, request))
        {
            if (PassThru)
                WriteObject(gone);
        }
    }

    /// <summary>Does it.</summary>
    private protected virtual IReadOnlyList<VMMoment> Execute(string vm, RemoveMomentRequest request) =>
        Run((report, cancellation) => Engine.RemoveMomentsAsync(vm, request, report, cancellation));

    /// <summary>What is to be done with these moments, for ShouldProcess: with the files that go, where snapshots are among them.</summary>
    private string Action(string vm, RemoveMomentRequest request, IReadOnlyList<VMMoment> plan)
    {
        bool checkpoints = plan.All(moment => moment.Kind == "Checkpoint");
        if (MetadataOnly)
            return checkpoints ? "Forget, leaving the bitmaps in the images" : "Forget for good, leaving bitmaps, layers and files with memory as they are";
        if (checkpoints)
            return "Remove";
        var snapshot = new RemoveSnapshotRequest { Name = request.Name, Descendants = request.Descendants, DescendantsOnly = request.DescendantsOnly };
        return RemovalText.Of($"Remove, {RemovalText.Undo(KeepFor)}", Run((report, cancellation) => Engine.PlanSnapshotRemovalAsync(vm, snapshot, report, cancellation)));
    }
}
