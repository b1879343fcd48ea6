using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Removes branches that the machine is not on.</summary>
[Cmdlet(VerbsCommon.Remove, "VMBranch", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMBranchRemoval), typeof(MomentJob))]
public sealed class RemoveVMBranchCommand : BranchCmdlet, ILongOperation
{
    // Several branches that go with one command can all be brought back.
    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow;

    // What the job would have removed already, or the command without -WhatIf, when the next branch has its turn: a snapshot that both have goes with the last.
    private readonly Dictionary<string, List<string>> _before = new(StringComparer.Ordinal);

    /// <summary>The branches' names, with wildcards.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("BranchName", "Branch")]
    [ArgumentCompleter(typeof(OtherBranchCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Also where snapshots go with it that no other branch has.</summary>
    [Parameter]
    public SwitchParameter Discard { get; set; }

    /// <summary>How long it can be brought back by Undo-VMSnapshot; an hour if not given, zero for not at all.</summary>
    [Parameter]
    [Duration]
    [ValidateUndoTime]
    public TimeSpan? UndoFor { get; set; }

    /// <summary>Give what was removed.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        foreach (VMBranch branch in InputObject)
            Attempt(branch, () => Remove(branch.VM, branch.Name));
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

        // The one that the machine is on is not meant by a pattern.
        foreach (VMBranch match in Run((report, cancellation) => Engine.GetBranchesAsync(vm, [name], report, cancellation)).Where(branch => !branch.Active && !Before(vm).Contains(branch.Name)))
            Attempt(match, () => Remove(vm, match.Name));
    }

    private void Remove(string vm, string name)
    {
        var request = new RemoveBranchRequest { Name = name, Discard = Discard, UndoFor = UndoFor, KeepSince = _began };
        VMBranchRemoval plan = Run((report, cancellation) => Engine.PlanBranchRemovalAsync(vm, request, Before(vm), report, cancellation));
        if (!ShouldProcess($"{vm}: branch '{name}'", $"Remove, {RemovalText.Undo(UndoFor)}{Losses(plan)}", plan.Snapshots, out bool later))
        {
            // One that will be refused stays, and so does all that it has.
            if (later && (Discard || plan.Snapshots.Count == 0))
                Before(vm).Add(name);
            return;
        }

        VMBranchRemoval removed = Run((report, cancellation) => Engine.RemoveBranchAsync(vm, request, report, cancellation));
        if (PassThru)
            WriteObject(removed);
    }

    private List<string> Before(string vm)
    {
        if (!_before.TryGetValue(vm, out List<string>? names))
            _before.Add(vm, names = []);
        return names;
    }

    // With the files, their bytes, and the moments that would go.
    private string Losses(VMBranchRemoval plan)
    {
        List<string> losses = [];
        if (plan.Snapshots.Count > 0)
            losses.Add($"{(Discard ? "with" : "which needs -Discard, since no other branch has")} {Listed([.. plan.Snapshots.Select(name => $"snapshot '{name}'")])}");
        if (plan.Files.Count > 0)
            losses.Add($"{ByteText.Of(plan.Bytes)} in {Listed([.. plan.Files.Select(path => $"'{path}'")])}");
        return losses.Count == 0 ? "" : ": " + string.Join("; ", losses);
    }
}
