using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// What becomes of an <see cref="ImageTurn"/> that broke off. Before the bitmaps were taken out it is undone, afterwards it is finished: the
/// guest stood still all the time, so to load once more gives the same. Where nothing could be loaded, what recorded before records again.
/// What happened is read from QEMU's jobs and bitmaps and from the images, never guessed; where a guest ran that should have stood still,
/// nothing is marked, and what changed there is unknown from then on.
/// </summary>
internal sealed class TurnResolution
{
    private readonly DomainPlace _place;
    private readonly DomainDocument _domain;
    private readonly JournalEntry _entry;
    private readonly ImageTurn _turn;

    private TurnResolution(DomainPlace place, DomainDocument domain, JournalEntry entry)
    {
        _place = place;
        _domain = domain;
        _entry = entry;
        _turn = ImageTurn.FromJson(entry.Intent);
    }

    /// <summary>Finishes or undoes it, and removes the journal.</summary>
    /// <returns>Whether it was finished.</returns>
    public static async Task<bool> RunAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        var resolution = new TurnResolution(place, domain, entry);
        BlockSession line = await BlockSession.OpenAsync(place, domain, [], BlockAccess.Change, cancellation);
        try
        {
            if (line.IsMachine)
                return await resolution.InMachineAsync(line);
        }
        finally
        {
            await line.DisposeAsync();
        }

        return await resolution.ClosedAsync(cancellation);
    }

    private async Task<bool> InMachineAsync(BlockSession line)
    {
        QmpClient qmp = line.Qmp;
        var steps = new MachineTurn(qmp, _turn, _entry.Id);
        await WaitAsync(qmp);
        await Leftovers.RemoveExportsAsync(qmp, CancellationToken.None);
        QmpJobInfo? load = (await qmp.QueryJobsAsync(CancellationToken.None)).FirstOrDefault(job => job.Id == ImageTurn.LoadJob(_entry.Id));
        HashSet<(string Node, string Name)> bitmaps = await steps.BitmapsAsync();
        TurnStep[] tracked = [.. _turn.Steps.Where(step => step.Mark is not null)];
        bool opened = tracked.Length > 0 && tracked.All(step => bitmaps.Contains((step.Node, step.Mark!)));
        bool removed = _turn.Steps.Any(step => step.Removed.Count > 0) && _turn.Steps.All(step => step.Removed.All(name => !bitmaps.Contains((step.Node, name))));
        bool loaded = load is { Error: null } || await AnyNewlyHeldAsync();
        // What is left is saved before anything is taken out; where it is not, this is another QEMU than then, and its bitmaps are others.
        if (!opened && !loaded && (!removed || !await IsKeptAsync()))
            return await UndoAsync(line, steps);
        bool stood = !(await qmp.QueryStatusAsync(CancellationToken.None)).Running;
        // Nothing was loaded: QEMU refused, or the machine was let go on before. Then what it wrote meanwhile is not known.
        if (!opened && !loaded && (load is not null || !stood))
            return await BackAsync(line, steps, record: stood);
        return await ForwardAsync(line, steps, opened, stood, load);
    }

    private async Task<bool> ForwardAsync(BlockSession line, MachineTurn steps, bool opened, bool stood, QmpJobInfo? load)
    {
        QmpClient qmp = line.Qmp;
        // The disks are at the snapshot, or some of them, and QEMU could not take the memory: what it has now is nobody's.
        bool withoutMemory = load?.Error is not null;
        await TidyMarksAsync(line);
        if (!opened && stood)
        {
            if (withoutMemory)
                await PutAwayAsync(qmp, load);
            if (withoutMemory && await AllHeldAsync())
                await steps.RemoveAsync();
            else if (load is not { Error: null })
                steps = await LoadAsync(qmp, steps, withoutMemory);
            await using AuthoredBitmaps full = await AuthoredBitmaps.FullAsync(line, _entry.Id + "m", [.. _turn.Steps.Select(step => step.NewSize)], CancellationToken.None);
            await steps.OpenAsync(full.Bitmaps, back: false);
        }

        if (await IsStoodInAsync(qmp))
            await steps.AttachAsync(_place, reset: true);
        else if (withoutMemory && stood)
            await MachineReset.RunAsync(qmp, _place, CancellationToken.None);
        await steps.TidyAsync();
        if (_turn.Goal == VMState.Running && !withoutMemory)
            await qmp.ContAsync(CancellationToken.None);
        Redo(ImageTurn.ForwardOf(_entry.Intent));
        if (_turn.Goal == VMState.Stopped)
            await StopAsync(line);
        return true;
    }

    private async Task<MachineTurn> LoadAsync(QmpClient qmp, MachineTurn steps, bool withoutMemory)
    {
        if (withoutMemory)
        {
            if (_turn.Steps.Any(step => step.Reopen is null))
                throw ImageTipErrors.HalfLoaded(_place.Name, _turn.Steps[0].Tag);
            steps = new MachineTurn(qmp, _turn with { Mode = TurnMode.Exchange }, _entry.Id);
        }

        await steps.RemoveAsync();
        await steps.PrepareAsync();
        await steps.DetachAsync();
        await steps.LoadAsync();
        return steps;
    }

    // Nothing was taken out: the machine goes on as it was.
    private async Task<bool> UndoAsync(BlockSession line, MachineTurn steps)
    {
        await steps.AttachAsync(_place, reset: false);
        await RemoveCopiesAsync(line, steps);
        await ForgetKeptAsync(line);
        await steps.TidyAsync();
        await GoOnAsync(line);
        Journal.Remove(_entry.Path);
        return false;
    }

    private async Task<bool> BackAsync(BlockSession line, MachineTurn steps, bool record)
    {
        await steps.AttachAsync(_place, reset: false);
        await steps.TidyAsync();
        await RemoveCopiesAsync(line, steps);
        if (record)
            await using (AuthoredBitmaps full = await AuthoredBitmaps.FullAsync(line, _entry.Id + "m", [.. _turn.Steps.Select(step => step.OldSize)], CancellationToken.None))
                await steps.OpenAsync(full.Bitmaps, back: true);
        await ForgetKeptAsync(line);
        await GoOnAsync(line);
        Redo(ImageTurn.BackOf(_entry.Intent));
        return false;
    }

    private async Task<bool> ClosedAsync(CancellationToken cancellation)
    {
        bool marked = false, opened = _turn.Steps.Any(step => step.Mark is not null), held = await AnyNewlyHeldAsync();
        foreach (TurnStep step in _turn.Steps)
        {
            IReadOnlyDictionary<string, ObservedBitmap> bitmaps = (await ObservedLayer.ReadAsync(step.Path, cancellation)).Bitmaps;
            marked |= step.OldMark is { } mark && bitmaps.ContainsKey(mark);
            opened &= step.Mark is null || bitmaps.ContainsKey(step.Mark);
        }

        // What is left is saved before anything else is done; a mark goes when the bitmaps go.
        if (!opened && !held && (marked || !await IsKeptAsync() || _turn.Steps.All(step => step.Removed.Count == 0)))
        {
            if (_turn.KeepTag is not null)
            {
                await using BlockSession session = await ClosedTurn.OpenAsync(_place, _domain, _turn);
                await ForgetKeptAsync(session, ClosedTurn.On(session, _turn));
                await session.CloseAsync(CancellationToken.None);
            }

            Journal.Remove(_entry.Path);
            return false;
        }

        if (!opened)
            await ClosedTurn.FinishAsync(_place, _domain, _turn, _entry.Id);
        Redo(ImageTurn.ForwardOf(_entry.Intent));
        return true;
    }

    private void Redo(FileChanges changes) => Journal.Redo(_place.StateDirectory, _entry with { Commit = changes });

    private async Task<bool> AnyNewlyHeldAsync()
    {
        foreach (TurnStep step in _turn.Steps.Where(step => !step.Held))
            if (await ImageTips.HoldsAsync(step.Path, step.SnapshotId, CancellationToken.None))
                return true;
        return false;
    }

    private async Task<bool> IsKeptAsync()
    {
        foreach (TurnStep step in _turn.Steps)
            if (_turn.KeepTag is { } tag && await ImageTips.FindAsync(step.Path, tag, CancellationToken.None) is null)
                return false;
        return true;
    }

    private async Task<bool> AllHeldAsync()
    {
        foreach (TurnStep step in _turn.Steps)
            if (!await ImageTips.HoldsAsync(step.Path, step.SnapshotId, CancellationToken.None))
                return false;
        return true;
    }

    private async Task WaitAsync(QmpClient qmp)
    {
        foreach (string job in (string[])[ImageTurn.SaveJob(_entry.Id), ImageTurn.LoadJob(_entry.Id)])
            if ((await qmp.QueryJobsAsync(CancellationToken.None)).Any(one => one.Id == job))
                await new QmpJobs(qmp).WaitUntilAsync(job, _ => false, null, CancellationToken.None);
    }

    private static async Task PutAwayAsync(QmpClient qmp, QmpJobInfo? job)
    {
        if (job is not null)
            await qmp.JobDismissAsync(job.Id, CancellationToken.None);
    }

    private async Task<bool> IsStoodInAsync(QmpClient qmp) => (await qmp.QueryBlockAsync(CancellationToken.None))
        .Any(device => device.Inserted?.NodeName.StartsWith($"mt-{_entry.Id}-x", StringComparison.Ordinal) == true);

    // The bits of marks that a dead process had made ready are made anew.
    private async Task TidyMarksAsync(BlockSession line)
    {
        foreach (QmpBlockNode node in await line.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None))
            if (node.NodeName.StartsWith($"mt-{_entry.Id}m-", StringComparison.Ordinal))
                await line.Qmp.BlockdevDelAsync(node.NodeName, CancellationToken.None);
    }

    private async Task RemoveCopiesAsync(BlockSession line, MachineTurn steps)
    {
        HashSet<(string Node, string Name)> bitmaps = await steps.BitmapsAsync();
        string copy = ImageTurn.Copy(_entry.Id);
        TransactionAction[] copies = [.. bitmaps.Where(bitmap => bitmap.Name == copy).Select(bitmap => TransactionAction.BitmapRemove(bitmap.Node, bitmap.Name))];
        if (copies.Length > 0)
            await line.Qmp.TransactionAsync(copies, CancellationToken.None);
    }

    private Task ForgetKeptAsync(BlockSession session) => ForgetKeptAsync(session, _turn);

    private static async Task ForgetKeptAsync(BlockSession session, ImageTurn turn)
    {
        if (turn.KeepTag is { } tag)
            await ImageTips.DeleteAsync(session, turn.Steps.Select(step => (step.Node, step.Path)), tag, CancellationToken.None);
    }

    private async Task GoOnAsync(BlockSession line)
    {
        if (_turn.Started)
            await StopAsync(line);
        else if (_turn.Ran)
            await line.Qmp.ContAsync(CancellationToken.None);
    }

    private static Task StopAsync(BlockSession line) => line.Qmp.QuitAsync(CancellationToken.None);
}
