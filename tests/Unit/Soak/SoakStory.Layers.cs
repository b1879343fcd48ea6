using MomentTools.Tests.Operations.Backups;

namespace MomentTools.Tests.Soak;

/// <summary>Snapshots of each kind, going back, branches, merges.</summary>
internal sealed partial class SoakStory
{
    // What the guest had surely written at that instant, and what it can have; one that leaves a branch writes on until it is gone.
    private readonly Dictionary<string, (bool Memory, bool Inside, int Before, int After)> _snapshots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Before, int After)> _branches = new(StringComparer.Ordinal);

    private async Task SnapshotAsync()
    {
        if (_snapshots.Count >= MostSnapshots)
            return;
        string name = $"s{_names++}";
        int kind = _random.Next(3), before = FileGuest.Newest(_machine.Serial);
        var request = new CreateSnapshotRequest { Name = name, DiskOnly = kind == 0, Internal = kind == 1, Memory = kind == 2, Live = kind == 2 && Chance(2) };
        Task CreateAsync() => _machine.Engine.CreateSnapshotAsync(GuestMachine.Name, request, _machine.Report, CancellationToken.None);
        string? copy = null;
        // With memory the instant is the end of its saving, and a guest that is held is saved as held.
        if (!await TryAsync($"snapshot {name}{(kind == 1 ? ", inside" : kind == 2 ? ", with memory" : "")}", async () => copy = kind == 0 ? await InstantAsync(CreateAsync) : await None(CreateAsync)))
            return;
        if (copy is not null)
            _instants.Keep(name, copy);
        _snapshots[name] = (kind != 0, kind == 1, before, FileGuest.Newest(_machine.Serial) + 1);
        Counts.Did(kind switch { 0 => "snapshots of disks", 1 => "snapshots inside", _ => "snapshots with memory" });
    }

    private async Task GoBackAsync()
    {
        if (_snapshots.Count == 0)
            return;
        string name = Any([.. _snapshots.Keys.Order(StringComparer.Ordinal)]);
        (bool memory, _, int before, int after) = _snapshots[name];
        string? branch = Chance(2) ? $"b{_names++}" : null;
        string left = (await DomainAsync()).Branch!;
        int surely = FileGuest.Newest(_machine.Serial);
        if (!await TurnAsync($"go back to {name}{(branch is null ? "" : $" on {branch}")}", memory, (before, after), () => _machine.Engine.RestoreSnapshotAsync(
            GuestMachine.Name, new RestoreSnapshotRequest { Name = name, Branch = branch, Running = true }, _machine.Report, CancellationToken.None)))
            return;
        if (branch is not null)
            _branches[left] = (surely, int.MaxValue);
        _history.GoBack(name, branch is null ? null : left);
        Counts.Did("restores of snapshots");
    }

    private async Task SwitchAsync()
    {
        IReadOnlyList<VMBranch> branches = await BranchesAsync();
        string[] others = [.. branches.Where(branch => !branch.Active).Select(branch => branch.Name).Order(StringComparer.Ordinal)];
        if (others.Length == 0)
            return;
        string name = Any(others), left = branches.Single(branch => branch.Active).Name;
        int surely = FileGuest.Newest(_machine.Serial);
        // One that was left towards an internal snapshot has its memory.
        bool memory = branches.Single(branch => branch.Name == name).State == VMBranchState.Memory;
        if (!await TurnAsync($"switch to {name}", memory, _branches.TryGetValue(name, out (int, int) range) ? range : null, () => _machine.Engine.SwitchBranchAsync(
            GuestMachine.Name, new SwitchBranchRequest { Name = name, Running = true }, _machine.Report, CancellationToken.None)))
            return;
        _branches[left] = (surely, int.MaxValue);
        _history.Switch(name, left);
        Counts.Did("switches");
    }

    private async Task RemoveBranchAsync()
    {
        string[] others = [.. (await BranchesAsync()).Where(branch => !branch.Active).Select(branch => branch.Name).Order(StringComparer.Ordinal)];
        if (others.Length == 0)
            return;
        string name = Any(others);
        if (await TryAsync($"remove branch {name}", () => _machine.Engine.RemoveBranchAsync(
            GuestMachine.Name, new RemoveBranchRequest { Name = name, Discard = true, UndoFor = Chance(2) ? TimeSpan.Zero : null }, _machine.Report, CancellationToken.None)))
            Counts.Did("branches removed");
    }

    private async Task RemoveSnapshotAsync()
    {
        if (_snapshots.Count == 0)
            return;
        string name = Any([.. _snapshots.Keys.Order(StringComparer.Ordinal)]);
        if (await TryAsync($"remove snapshot {name}", () => _machine.Engine.RemoveSnapshotsAsync(
            GuestMachine.Name, new RemoveSnapshotRequest { Name = name, UndoFor = Chance(3) ? null : TimeSpan.Zero }, _machine.Report, CancellationToken.None)))
            Counts.Did("snapshots removed");
    }

    private async Task MergeAsync()
    {
        string[] outside = [.. _snapshots.Where(snapshot => !snapshot.Value.Inside).Select(snapshot => snapshot.Key).Order(StringComparer.Ordinal)];
        if (outside.Length == 0)
            return;
        string name = Any(outside);
        if (await TryAsync($"merge down to {name}", () => _machine.Engine.MergeSnapshotAsync(
            GuestMachine.Name, new MergeSnapshotRequest { Name = name, Force = Chance(2) }, _machine.Report, CancellationToken.None)))
            Counts.Did("merges");
    }

    private async Task UndoAsync()
    {
        if (await KeptAsync() is not [.., var kept])
            return;
        VMDomain before = await DomainAsync();
        bool isThere = (await BranchesAsync()).Any(branch => branch.Name == kept.Branch);
        int starts = FileGuest.Starts(_machine.Serial);
        if (!await TryAsync("undo", () => _machine.Engine.UndoSnapshotAsync(GuestMachine.Name, new UndoSnapshotRequest(), _machine.Report, CancellationToken.None)))
            return;
        _history.Undo(kept, before.Branch!, isThere);
        VMDomain after = await DomainAsync();
        _newest = int.MaxValue;
        if (after.State == VMState.Stopped)
        {
            await _machine.StartAsync(GuestMachine.Name);
            await JudgeAsync(0, null);
        }
        else if (after.Disks[0].Path != before.Disks[0].Path && before.ProcessId == after.ProcessId)
            await JudgeAsync(starts, null);
        Counts.Did("undone");
    }

    private Task<IReadOnlyList<VMKeptState>> KeptAsync() => _machine.Engine.GetKeptStatesAsync(GuestMachine.Name, _machine.Report, CancellationToken.None);

    private Task<IReadOnlyList<VMBranch>> BranchesAsync() => _machine.Engine.GetBranchesAsync(GuestMachine.Name, [], _machine.Report, CancellationToken.None);

    private static async Task<string?> None(Func<Task> operation)
    {
        await operation();
        return null;
    }
}
