using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>
/// Test-VMMoment: metadata against metadata, against the images, and against what QEMU says. Takes no lock, changes and recovers nothing:
/// what was changed while it looked is looked at again.
/// </summary>
internal sealed class HealthCheck(EngineContext context)
{
    private const int Attempts = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public async Task<IReadOnlyList<VMMomentFinding>> RunAsync(string vm, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        foreach (string disk in disks)
            if (domain.FindDisk(disk) is null)
                throw DiskNaming.Unknown(disk, domain);
        for (int attempt = 1; ; attempt++)
        {
            long generation = DomainGeneration.Read(place.StateDirectory);
            bool held = FileLock.IsHeld(DomainLock.PathOf(place.StateDirectory)), last = attempt == Attempts;
            if (last || !held)
            {
                string? underWay = held ? UnderWay(place) : null;
                var findings = new FindingList(vm) { Busy = held };
                await LookAsync(place, domain, disks, images: underWay is null, findings, report, cancellation);
                if (last || (generation == DomainGeneration.Read(place.StateDirectory) && !FileLock.IsHeld(DomainLock.PathOf(place.StateDirectory))))
                {
                    if (underWay is not null)
                        report.Warning($"'{underWay}' is at work on '{vm}', so its images were not looked at. Run the command again when that has ended.");
                    return findings.All;
                }
            }

            await Task.Delay(Pause, cancellation);
        }
    }

    /// <summary>One look at everything; the caller sees to it that nobody changes it meanwhile.</summary>
    public static async Task LookAsync(
        DomainPlace place, DomainDocument domain, IReadOnlyList<string> disks, bool images, FindingList findings, IOperationReport report, CancellationToken cancellation)
    {
        bool pending = images && AddPending(place, findings);
        AddAway(place, findings);
        List<MomentException> faults = [];
        DomainMoments state;
        try
        {
            state = new MomentStore(place.StateDirectory).Load(faults.Add, whole: true);
        }
        catch (MomentException failure)
        {
            findings.Add(FindingIds.TrackingInvalid, FindingList.Error,
                $"What is recorded on which disk cannot be read, and without it no moment of '{domain.Name}' can be used or changed. {failure.Message}",
                "Put the file back from a copy. Without one, unregister the domain with -RemoveMetadata and register it anew; the next backup is then a full one.", file: failure.Target);
            return;
        }

        IReadOnlySet<string> broken = MetadataCheck.Run(state, faults, domain, DateTimeOffset.UtcNow, findings);
        IReadOnlySet<string> ambiguous = BranchCheck.Run(place.StateDirectory, state, findings);
        KeptCheck.Run(place.StateDirectory, state, findings);
        var sidecars = new SidecarCheck(new MomentStore(place.StateDirectory).Segments);
        var survey = new DiskSurvey(place, domain, state, broken, (id, disk) => sidecars.Trouble(id, disk) is null);
        // The images of an interrupted operation are somewhere in between; when it is finished or undone, they can be judged.
        if (images && !pending)
            await survey.RunAsync([.. domain.Disks.Where(disk => (disks.Count == 0 || disks.Contains(disk.Target, StringComparer.Ordinal)) && !ambiguous.Contains(disk.Target))], findings, report, cancellation);
        if (images && !pending)
            await FrozenCheck.RunAsync(domain, state, disks, findings, cancellation);
        await ServingCheck.RunAsync(place, domain, state, look: images && !pending && !findings.Busy, findings, cancellation);
        sidecars.Run(state, survey.IsThere, findings);
    }

    /// <summary>Interrupted operations; their journals are told, not touched.</summary>
    private static bool AddPending(DomainPlace place, FindingList findings)
    {
        try
        {
            foreach (JournalEntry entry in Journal.Pending(place.StateDirectory))
                findings.Add(FindingIds.OperationPending, FindingList.Warning,
                    $"The operation '{(entry.Operation.Length == 0 ? "unknown" : entry.Operation)}' of {entry.Started.ToUniversalTime():u} was interrupted and waits to be {(entry.Commit is null ? "undone" : "finished")}. Until then the images are not judged.",
                    $"The next command that changes '{place.Name}' does it, as does '{findings.Repair}'.", file: entry.Path);
        }
        catch (MomentException failure)
        {
            findings.Add(FindingIds.JournalUnreadable, FindingList.Error,
                $"An operation was interrupted, and its record cannot be read, so that nothing can be changed on '{place.Name}'. {failure.Message}", failure.Advice ?? "", file: failure.Target);
        }

        return findings.All.Count > 0;
    }

    // A machine whose user is dead belongs elsewhere.
    private static void AddAway(DomainPlace place, FindingList findings)
    {
        try
        {
            if (UseNote.Find(place.StateDirectory) is { IsAlive: false } note)
                findings.Add(FindingIds.OperationPending, FindingList.Warning,
                    $"'{place.Name}' is on a temporary branch: the process that used its snapshot '{note.Snapshot}' since {note.Since.ToUniversalTime():u} is gone. It belongs on branch '{note.Home}'.",
                    $"The next command that changes '{place.Name}' brings it back, as does '{findings.Repair}'.", file: UseNote.PathIn(place.StateDirectory));
        }
        catch (MomentException failure)
        {
            findings.Add(FindingIds.OperationPending, FindingList.Error, failure.Message, failure.Advice ?? "", file: failure.Target);
        }
    }

    // An operation with a journal while somebody holds the lock is not interrupted: it is being done.
    private static string? UnderWay(DomainPlace place)
    {
        try
        {
            return Journal.Pending(place.StateDirectory) is [.., var entry] ? entry.Operation : null;
        }
        catch (MomentException)
        {
            // It vanished while it was read, or is broken: with the lock held, that is its owner's business.
            return "an operation";
        }
    }
}
