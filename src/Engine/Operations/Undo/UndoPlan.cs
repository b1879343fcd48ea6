using MomentTools.Moments;

namespace MomentTools.Operations.Undo;

/// <summary>What Undo-VMSnapshot does, worked out before anything is touched. Pure.</summary>
/// <param name="Kept">What is brought back.</param>
/// <param name="Next">The moments, with the tips and names of afterwards; where the machine has to go somewhere, it has not gone yet.</param>
/// <param name="Target">The branch that the machine goes to; null where it stays on the images it has.</param>
internal sealed record UndoPlan(KeptAside Kept, DomainMoments Next, string? Target)
{
    /// <summary>The cmdlet's name, in the record of what an undo leaves.</summary>
    public const string Command = "Undo-VMSnapshot";

    /// <summary>What is done, as -WhatIf says it.</summary>
    public string Text
    {
        get
        {
            string when = $"{Kept.Since.ToLocalTime():yyyy-MM-dd HH:mm}", moments = Kept.Files.Count switch { 0 => "", 1 => "1 moment comes back", var many => $"{many} moments come back" };
            string[] parts =
            [
                .. Target is not null ? [$"go back to the tip of '{Target}' that was left; the present one is kept aside in its turn"] : Kept is { Branch: not null, BranchName: { } name } ? [$"branch '{name}' comes back"] : (string[])[],
                .. moments.Length > 0 ? [moments] : (string[])[],
            ];
            return $"Undo {Kept.Operation} of {when}: {string.Join("; ", parts)}";
        }
    }

    /// <param name="vm">The machine's name.</param>
    /// <param name="state">Its moments now.</param>
    /// <param name="id">What is to be brought back, or null for the last.</param>
    /// <param name="operationId">The operation's id, part of the name that the tip that is left gets.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="Errors.MomentException"><c>UndoNothing</c>, <c>UndoExpired</c>, <c>UndoNameTaken</c>.</exception>
    public static UndoPlan Make(string vm, DomainMoments state, string? id, string operationId, DateTimeOffset now)
    {
        KeptAside kept = (id is null ? state.Kept is [.., var last] ? last : null : state.Kept.FirstOrDefault(one => one.Id == id)) ?? throw UndoErrors.Nothing(vm, id, state.Kept);
        if (kept.Until <= now)
            throw UndoErrors.Expired(vm, kept);
        foreach (MomentKey key in KeepAside.MomentsOf(kept))
            if (state.Moments.Keys.Concat(state.Broken).Any(other => other.Name == key.Name))
                throw UndoErrors.NameTaken(vm, kept, $"another moment got the name '{key.Name}'");
        DomainMoments next = state.Recall(kept);
        if (kept.Branch is not { } hidden || !next.BranchNames.Contains(hidden, StringComparer.Ordinal))
            return new UndoPlan(kept, next, null);
        string name = kept.BranchName ?? hidden;
        bool isThere = next.BranchNames.Contains(name, StringComparer.Ordinal);
        bool wasRemoved = kept.Operation.StartsWith("Remove-", StringComparison.Ordinal);
        if (wasRemoved)
            return isThere && name != hidden ? throw UndoErrors.NameTaken(vm, kept, $"another branch got the name '{name}'")
                : new UndoPlan(kept, name == hidden ? next : next.RenameBranch(hidden, name), null);
        if (!isThere || name == hidden)
            return new UndoPlan(kept, name == hidden ? next : next.RenameBranch(hidden, name), name);
        string left = KeepAside.HiddenName(operationId);
        bool active = KeepAside.IsUsed(next, name);
        next = KeepAside.Add(Exchanged(next, name, hidden, left), KeepAside.Of(operationId, Command, kept.Until - kept.Since, left, name));
        return new UndoPlan(kept, next, active ? name : null);
    }

    // Of each disk that was left; one that the restored snapshot did not cover stays on the branch.
    private static DomainMoments Exchanged(DomainMoments state, string name, string hidden, string left)
    {
        Branch present = state.Branches.GetValueOrDefault(name) ?? new Branch(name), back = state.Branches.GetValueOrDefault(hidden) ?? new Branch(hidden);
        DiskTracking[] disks = [.. state.Disks.Values.Where(disk => disk.Tips.ContainsKey(hidden))];
        bool whole = state.Disks.Values.All(disk => !disk.Tips.ContainsKey(name) || disk.Tips.ContainsKey(hidden));
        DomainMoments next = state with
        {
            Branches = state.Branches.Where(branch => branch.Key != hidden).ToDictionary(StringComparer.Ordinal),
            ActiveBranch = state.ActiveBranch == name && whole ? left : state.ActiveBranch,
        };
        next = next.With(present with { Name = left }).With(back with { Name = name });
        return disks.Aggregate(next, (moments, disk) => moments.With(disk.RenameTip(name, left).RenameTip(hidden, name)));
    }
}
