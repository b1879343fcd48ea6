using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Tests.Operations;

/// <summary>Snapshots of every kind, going back to them, branches, merging, and taking it back.</summary>
internal sealed partial class RandomStory
{
    private string _branch = StoryDisk.Main;
    private int _branchNames;
    private (string Id, (string[] Order, KeyValuePair<string, string?>[] Parents, KeyValuePair<string, bool>[] Snapshots) Model, (StoryDisk Disk, string Name, StoryMoment Instant)[] Moments)? _discarded;

    private string[] Branches => [.. _disks.SelectMany(disk => disk.Lines.Keys).Distinct(StringComparer.Ordinal).Where(name => !IsHidden(name))];

    private async Task SnapshotAsync()
    {
        bool inside = Chance(3), memory = _running && Chance(3);
        StoryDisk[] covered = Chance(3) ? [.. _disks.Where(_ => Chance(2)).DefaultIfEmpty(Any(_disks)).Distinct()] : _disks;
        string name = $"s{_names++}";
        if (inside || memory)
            await EndServedAsync();
        Tell($"snapshot {name} of {string.Join(' ', covered.Select(disk => disk.Name))}{(inside ? ", inside" : "")}{(memory ? ", with memory" : "")}");
        await TakeAsync(async () =>
        {
            foreach (StoryDisk disk in covered)
                disk.Freeze();
            await _machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest
            {
                Name = name,
                Disks = [.. covered.Select(disk => disk.Name)],
                Internal = inside,
                DiskOnly = !memory,
                Memory = memory,
            }, _machine.Report, CancellationToken.None);
            foreach (StoryDisk disk in covered)
                Keep(disk, name);
            _model.Take(name, inside);
            _counts.Snapshots++;
        }, refused => memory && refused.ErrorId == SnapshotCreationErrors.SnapshotMemoryImpossible, mayWrite: !memory);
        await LookAsync();
    }

    // Goes back, on a new branch, or on the present one, whose tip is then kept for Undo.
    private async Task GoBackAsync()
    {
        if (_model.Inside.Count == 0)
            return;
        string name = Any([.. _model.Inside.Keys.Order(StringComparer.Ordinal)]);
        string? branch = Chance(2) ? $"b{_branchNames++}" : null;
        Tell($"go back to {name}{(branch is null ? "" : $" on {branch}")}");
        _mayMerge = true;
        if (!await TryAsync(() => _machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = name, Branch = branch }, _machine.Report, CancellationToken.None)))
            return;
        StoryDisk[] covered = [.. _disks.Where(disk => disk.Moments.ContainsKey(name))];
        if (branch is null)
            await HideAsync(covered.Where(disk => disk.Branch == _branch));
        foreach (StoryDisk disk in covered)
        {
            disk.Begin(branch ?? _branch, disk.Moments[name]);
            disk.Enter(branch ?? _branch);
        }

        _branch = branch ?? _branch;
        _counts.SnapshotRestores++;
        _counts.Branches += branch is null ? 0 : 1;
        await LookAsync();
    }

    private async Task SwitchAsync()
    {
        string[] others = [.. Branches.Where(name => name != _branch)];
        if (others.Length == 0)
            return;
        string branch = Any(others);
        Tell($"switch to {branch}");
        if (!await TryAsync(() => _machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = branch }, _machine.Report, CancellationToken.None)))
            return;
        foreach (StoryDisk disk in _disks.Where(disk => disk.Lines.ContainsKey(branch)))
            disk.Enter(branch);
        _branch = branch;
        _counts.Switches++;
        await LookAsync();
    }

    private async Task BranchAsync()
    {
        if (_model.Inside.Count == 0)
            return;
        string name = Any([.. _model.Inside.Keys.Order(StringComparer.Ordinal)]), branch = $"b{_branchNames++}";
        Tell($"branch {branch} from {name}");
        if (!await TryAsync(() => _machine.Engine.CreateBranchAsync(TestMachine.Name, new CreateBranchRequest { Name = branch, From = name }, _machine.Report, CancellationToken.None)))
            return;
        foreach (StoryDisk disk in _disks.Where(disk => disk.Moments.ContainsKey(name)))
            disk.Begin(branch, disk.Moments[name]);
        _counts.Branches++;
    }

    private async Task RenameBranchAsync()
    {
        string branch = Any(Branches), name = $"b{_branchNames++}";
        Tell($"rename branch {branch} to {name}");
        await _machine.Engine.RenameBranchAsync(TestMachine.Name, branch, name, _machine.Report, CancellationToken.None);
        foreach (StoryDisk disk in _disks.Where(disk => disk.Lines.ContainsKey(branch)))
            disk.RenameBranch(branch, name);
        if (_branch == branch)
            _branch = name;
    }

    private async Task RemoveBranchAsync()
    {
        string[] others = [.. Branches.Where(name => _disks.All(disk => disk.Branch != name))];
        if (others.Length == 0)
            return;
        string branch = Any(others);
        Tell($"remove branch {branch}");
        _mayMerge = true;
        if (!await TryAsync(() => _machine.Engine.RemoveBranchAsync(TestMachine.Name, new RemoveBranchRequest { Name = branch }, _machine.Report, CancellationToken.None)))
            return;
        string hidden = State().Kept.Single(kept => kept.Until > DateTimeOffset.UtcNow).Branch!;
        foreach (StoryDisk disk in _disks.Where(disk => disk.Lines.ContainsKey(branch)))
            disk.RenameBranch(branch, hidden);
    }

    // Kept aside for Undo, or gone at once with what only it needed.
    private async Task RemoveSnapshotAsync()
    {
        if (_model.Inside.Count == 0)
            return;
        string name = Any([.. _model.Inside.Keys.Order(StringComparer.Ordinal)]);
        int form = _random.Next(8);
        var request = new RemoveSnapshotRequest { Name = name, Descendants = form == 0, DescendantsOnly = form == 1, UndoFor = Chance(2) ? null : TimeSpan.Zero };
        Tell($"remove snapshot {name}{(request.Descendants ? " with descendants" : request.DescendantsOnly ? "'s descendants" : "")}{(request.UndoFor is null ? "" : ", at once")}");
        _mayMerge = true;
        IReadOnlyList<VMMoment> gone = [];
        if (!await TryAsync(async () => gone = await _machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, request, _machine.Report, CancellationToken.None)))
            return;
        var before = _model.Remember();
        Assert.Equal(_model.Remove(name, request.Descendants, request.DescendantsOnly).Order(StringComparer.Ordinal), gone.Select(moment => moment.Name).Order(StringComparer.Ordinal));
        if (State().Kept.FirstOrDefault(kept => kept.Until > DateTimeOffset.UtcNow) is { } kept && request.UndoFor is null)
            _discarded = (kept.Id, before, [.. gone.SelectMany(moment => _disks.Where(disk => disk.Moments.ContainsKey(moment.Name)).Select(disk => (disk, moment.Name, disk.Moments[moment.Name])))]);
        foreach (VMMoment removed in gone)
            foreach (StoryDisk disk in _disks)
                disk.Forget(removed.Name);
        _counts.Merges += request.UndoFor is null ? 0 : 1;
        _counts.Removals += gone.Count;
        await LookAsync();
    }

    // What the last restore or removal discarded comes back.
    private async Task UndoAsync()
    {
        if (State().Kept.FirstOrDefault(one => one.Until > DateTimeOffset.UtcNow) is not { } kept)
            return;
        bool moments = kept.Files.Count > 0;
        // Which parent a moment that was taken meanwhile has then, the story does not know.
        if (moments && !(_discarded is { } known && known.Id == kept.Id && _model.IsStill(known.Model, [.. known.Moments.Select(one => one.Name)])))
            return;
        Tell($"undo {kept.Operation}");
        _mayMerge = true;
        if (!await TryAsync(() => _machine.Engine.UndoSnapshotAsync(TestMachine.Name, new UndoSnapshotRequest(), _machine.Report, CancellationToken.None)))
            return;
        if (moments)
        {
            _model.Recall(_discarded!.Value.Model);
            foreach ((StoryDisk disk, string name, StoryMoment instant) in _discarded.Value.Moments)
                disk.Recall(name, instant);
        }

        if (kept is { Branch: { } hidden, BranchName: { } branch })
            BringBack(hidden, branch, removed: kept.Operation.StartsWith("Remove-", StringComparison.Ordinal));
        _counts.Undone++;
        await LookAsync();
    }

    private void BringBack(string hidden, string branch, bool removed)
    {
        StoryDisk[] back = [.. _disks.Where(disk => disk.Lines.ContainsKey(hidden))];
        bool active = _disks.Any(disk => disk.Branch == branch);
        string? left = removed ? null : State().Kept.Single(kept => kept.Until > DateTimeOffset.UtcNow).Branch!;
        foreach (StoryDisk disk in back)
        {
            if (left is not null && disk.Lines.ContainsKey(branch))
                disk.RenameBranch(branch, left);
            disk.RenameBranch(hidden, branch);
        }

        if (removed || !active)
            return;
        foreach (StoryDisk disk in _disks.Where(disk => disk.Lines.ContainsKey(branch)))
            disk.Enter(branch);
        _branch = branch;
    }

    private async Task MergeAsync()
    {
        string[] outside = [.. _model.Inside.Where(snapshot => !snapshot.Value).Select(snapshot => snapshot.Key).Order(StringComparer.Ordinal)];
        if (outside.Length == 0)
            return;
        string name = Any(outside);
        Tell($"merge down to {name}");
        _mayMerge = true;
        IReadOnlyList<VMMoment> gone = [];
        if (!await TryAsync(async () => gone = await _machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = name, Force = Chance(2) }, _machine.Report, CancellationToken.None)))
            return;
        foreach (VMMoment removed in gone)
        {
            _model.Remove(removed.Name, false, false);
            foreach (StoryDisk disk in _disks)
                disk.Forget(removed.Name);
        }

        _counts.Merges++;
        _counts.Removals += gone.Count;
        await LookAsync();
    }

    // What the engine refuses must have a reason that the story can be shown, and changes nothing: that is checked as after every step.
    private async Task<bool> TryAsync(Func<Task> operation)
    {
        try
        {
            await operation();
            return true;
        }
        catch (MomentException refused) when (refused.ErrorId.Kind is ErrorKind.InvalidState or ErrorKind.Refused or ErrorKind.Unsupported)
        {
            Tell($"  refused: {refused.ErrorId.Name}: {refused.Message}");
            _counts.Refused++;
            return false;
        }
    }

    // The tip that is left goes under the name that the engine keeps it by.
    private Task HideAsync(IEnumerable<StoryDisk> left)
    {
        string hidden = State().Kept.Single(kept => kept.Until > DateTimeOffset.UtcNow).Branch!;
        foreach (StoryDisk disk in left)
            disk.RenameBranch(_branch, hidden);
        return Task.CompletedTask;
    }

    // What is not kept for Undo any more is gone; and a snapshot of a machine that was off leaves it off.
    private async Task LookAsync()
    {
        HashSet<string> kept = [.. State().Kept.Select(one => one.Branch).OfType<string>()];
        foreach (StoryDisk disk in _disks)
            foreach (string gone in disk.Lines.Keys.Where(name => IsHidden(name) && !kept.Contains(name)).ToList())
                disk.RemoveBranch(gone);
        _running = (await _machine.Engine.GetDomainAsync(TestMachine.Name, _machine.Report, CancellationToken.None)).State != VMState.Stopped;
    }

    private DomainMoments State() => new MomentStore(_machine.StateDirectory).Load(failure => throw failure);

    private static bool IsHidden(string branch) => branch.StartsWith(Branch.HiddenPrefix, StringComparison.Ordinal);
}
