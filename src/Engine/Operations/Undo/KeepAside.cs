using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Undo;

/// <summary>
/// What an operation discards is first only forgotten, and kept for a while: of each domain the last. Letting it go changes metadata alone;
/// the files are then nobody's, and collected. Pure.
/// </summary>
internal static class KeepAside
{
    /// <summary>How long, where the user says nothing.</summary>
    public static readonly TimeSpan Usual = TimeSpan.FromHours(1);

    /// <summary>The record of what an operation discards.</summary>
    /// <param name="id">The operation's id.</param>
    /// <param name="operation">The cmdlet's name.</param>
    /// <param name="keepFor">How long; null for the usual time. Zero keeps nothing: the next collection takes it.</param>
    /// <param name="branch">The hidden branch that has the tip that is left (<see cref="HiddenName"/>), or null.</param>
    /// <param name="branchName">The name it had, or that of the branch whose tip it was.</param>
    /// <param name="files">The files of the moments that go (<see cref="MomentStore.FilesOf"/>).</param>
    public static KeptAside Of(string id, string operation, TimeSpan? keepFor, string? branch, string? branchName, IReadOnlyDictionary<string, string>? files = null)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        TimeSpan time = keepFor ?? Usual;
        DateTimeOffset until = time > DateTimeOffset.MaxValue - now ? DateTimeOffset.MaxValue : now + (time < TimeSpan.Zero ? TimeSpan.Zero : time);
        return new KeptAside(id, operation, now, until, branch, branchName, files ?? new Dictionary<string, string>(StringComparer.Ordinal));
    }

    /// <summary>A name for the tip that an operation leaves, which no branch has.</summary>
    public static string HiddenName(string operationId) => Branch.HiddenPrefix + operationId;

    /// <summary>
    /// Keeps it, and ends the time of what was kept before: only the last can be brought back, and the rest is for the collector, which alone
    /// knows what of it is in files. A record that <see cref="DomainMoments.Forget"/> has put there already stays as it made it.
    /// </summary>
    public static DomainMoments Add(DomainMoments next, KeptAside kept)
    {
        KeptAside last = next.Kept.FirstOrDefault(other => other.Id == kept.Id) ?? kept;
        return next with { Kept = [.. next.Kept.Where(other => other.Id != kept.Id).Select(other => other.Until <= kept.Since ? other : other with { Until = kept.Since }), last] };
    }

    /// <summary>Ends the time of what was kept before a record, but for what the same command kept: since an instant, where one is given.</summary>
    public static DomainMoments EndOlder(DomainMoments state, KeptAside kept, DateTimeOffset? keepSince) =>
        state.Kept.Where(older => older.Until > kept.Since && !(older.Since >= keepSince)).Aggregate(state, (next, older) => next.With(older with { Until = kept.Since }));

    /// <summary>What may be let go.</summary>
    public static IReadOnlyList<KeptAside> Expired(DomainMoments state, DateTimeOffset now) => [.. state.Kept.Where(kept => kept.Until <= now)];

    /// <summary>
    /// The moments without it: its hidden branch goes, and so do the points that no other record needs. A branch that the machine came back
    /// to, or that got a name, is nobody's to let go.
    /// </summary>
    public static DomainMoments LetGo(DomainMoments state, KeptAside kept)
    {
        DomainMoments next = state.WithoutKept(kept.Id);
        if (kept.Branch is { } branch && branch.StartsWith(Branch.HiddenPrefix, StringComparison.Ordinal) && next.BranchNames.Contains(branch, StringComparer.Ordinal) && !IsUsed(next, branch))
            next = next.WithoutBranch(branch);
        try
        {
            HashSet<(string Disk, string Point)> needed = [.. next.Kept.SelectMany(PointsOf)];
            foreach (DiskTracking disk in next.Disks.Values.ToArray())
                if (disk.Points.Values.Where(point => point.Kept && !needed.Contains((disk.Disk, point.Id))).Select(point => point.Id).ToArray() is { Length: > 0 } points)
                    next = next.With(disk.LetGo(points));
        }
        catch (MomentException)
        {
            // What another record needs cannot be read: then all of it stays.
        }

        return next;
    }

    /// <summary>Whether the machine works on a branch, on any of its disks.</summary>
    public static bool IsUsed(DomainMoments state, string branch) =>
        state.ActiveBranch == branch || state.Disks.Values.Any(disk => disk.ActiveBranch == branch && disk.ActiveTip is not null);

    /// <summary>The moments whose files it has.</summary>
    /// <exception cref="MomentException">One of them cannot be read.</exception>
    public static IReadOnlyList<MomentKey> MomentsOf(KeptAside kept) => [.. kept.Files.Select(file => MomentFile.Parse(file.Key, file.Value).Moment.Key)];

    private static IEnumerable<(string Disk, string Point)> PointsOf(KeptAside kept) =>
        kept.Files.SelectMany(file => MomentFile.Parse(file.Key, file.Value).Points).Select(point => (point.Key, point.Value.Id));
}
