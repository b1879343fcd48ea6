using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>
/// Whether a machine's present state is still a snapshot's: it does not run, its definition is the same, and nothing was written on any
/// disk that the snapshot covers. Then going back to the snapshot loses nothing.
/// </summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Runs">Whether the machine runs or is paused: what its memory holds is in no snapshot.</param>
/// <param name="Differences">How its definition differs since, a clause each.</param>
/// <param name="Written">By disk: bytes written since, rounded out to the granularity; null where that is not known.</param>
internal sealed record Cleanliness(MomentKey Snapshot, bool Runs, IReadOnlyList<string> Differences, IReadOnlyDictionary<string, long?> Written)
{
    /// <summary>True: nothing would be lost. False: something would. Null: nothing is known to have changed, and of a disk it is not known.</summary>
    public bool? IsClean =>
        Runs || Differences.Count > 0 || Written.Values.Any(bytes => bytes > 0) ? false
        : Written.Values.Any(bytes => bytes is null) ? null
        : true;

    /// <summary>What would be lost by going back, in clauses that follow "since": as <c>196608 bytes were written on disk 'vda'</c>.</summary>
    public IReadOnlyList<string> Losses =>
    [
        .. Written.Where(disk => disk.Value is not 0).OrderBy(disk => disk.Key, StringComparer.Ordinal)
            .Select(disk => disk.Value is { } bytes ? $"{bytes} bytes were written on disk '{disk.Key}'" : $"how much was written on disk '{disk.Key}' is not known"),
        .. Runs ? ["the machine runs, and its memory is lost"] : (string[])[],
        .. Differences,
    ];

    /// <summary>Finds it out, from what is recorded at this moment; the domain's lock is held.</summary>
    /// <param name="place">The machine's place.</param>
    /// <param name="domain">Its definition now.</param>
    /// <param name="state">Its moments.</param>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="cancellation">Stops the look at the disks.</param>
    public static async Task<Cleanliness> ReadAsync(DomainPlace place, DomainDocument domain, DomainMoments state, MomentKey snapshot, CancellationToken cancellation)
    {
        StoredMoment moment = new MomentStore(place.StateDirectory).LoadWhole(state.Moments[snapshot]);
        bool runs = (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        IReadOnlyList<string> differences = moment.Document.Domain is { } then ? DefinitionDifferences.Find(then, domain) : [];
        Dictionary<string, long?> written = new(StringComparer.Ordinal);
        foreach (string disk in Covered(domain, state, moment))
            written[disk] = await WrittenAsync(place, domain, state, snapshot, disk, cancellation);
        return new Cleanliness(snapshot, runs, differences, written);
    }

    /// <summary>The same in one word for a list, without the lock: a machine that runs is not clean, and is not asked; one that is being changed is not known to be.</summary>
    public static async Task<bool?> LookAsync(DomainPlace place, DomainDocument domain, DomainMoments state, MomentKey snapshot, CancellationToken cancellation)
    {
        try
        {
            return (await MachineProbe.RunAsync(place, domain, cancellation)).State switch
            {
                VMState.Stopped => (await ReadAsync(place, domain, state, snapshot, cancellation)).IsClean,
                VMState.Unknown => null,
                _ => false,
            };
        }
        catch (MomentException)
        {
            // What is wrong with the moment or the disk is told where it is looked at.
            return null;
        }
    }

    private static async Task<long?> WrittenAsync(DomainPlace place, DomainDocument domain, DomainMoments state, MomentKey snapshot, string disk, CancellationToken cancellation)
    {
        if (state.Disk(disk).PointOf(snapshot) is null)
            return null;
        try
        {
            var question = new ChangeQuestion(domain, state, snapshot, null, [disk]);
            return (await ChangedBlocks.AskAsync(place, question, withKinds: false, cancellation)).Sum(changes => changes.Blocks.TotalLength);
        }
        catch (MomentException failure) when (failure.ErrorId == OperationErrors.ChangesUnknown)
        {
            return null;
        }
    }

    private static IEnumerable<string> Covered(DomainDocument domain, DomainMoments state, StoredMoment moment) =>
        moment.Document is not SnapshotDocument document ? [] : document.Disks
            .Where(disk => domain.FindDisk(disk.Name) is not null && (disk.MeantMode is not (null or SnapshotMode.No) || state.Disk(disk.Name).PointOf(moment.Key) is not null))
            .Select(disk => disk.Name);
}
