using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Undo;

/// <summary>Get-VMSnapshot -Kept: what is kept aside, and what would become free. Takes no lock and changes nothing.</summary>
internal sealed class KeptListing(EngineContext context)
{
    public IReadOnlyList<VMKeptState> Run(string vm, IOperationReport report)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return [.. state.Kept.Where(kept => kept.Until > now).Select(kept => Of(vm, state, kept, report))];
    }

    /// <summary>The files that only what is kept needs.</summary>
    public static IReadOnlyList<string> Files(DomainMoments state, KeptAside kept)
    {
        DomainMoments after = KeepAside.LetGo(state, kept);
        List<string> files = [];
        foreach (DiskTracking disk in state.Disks.Values)
            files.AddRange(Needed(disk).Except(Needed(after.Disk(disk.Disk)), StringComparer.Ordinal).Select(id => disk.Layers[id]).Where(layer => layer.Made).Select(layer => layer.Path));
        if (kept.Branch is { } branch && state.Branches.GetValueOrDefault(branch)?.Memory is { } memory && !after.Branches.Values.Any(other => other.Memory == memory))
            files.Add(memory);
        return files;
    }

    private static VMKeptState Of(string vm, DomainMoments state, KeptAside kept, IOperationReport report)
    {
        IReadOnlyList<string> files = Files(state, kept);
        return new VMKeptState
        {
            VM = vm,
            Id = kept.Id,
            Operation = kept.Operation,
            Since = kept.Since,
            Until = kept.Until,
            Branch = kept.BranchName,
            Moments = Names(kept, report),
            Files = files,
            Bytes = files.Sum(file => FileStamp.Of(file)?.Length ?? 0),
        };
    }

    private static IReadOnlyList<string> Names(KeptAside kept, IOperationReport report)
    {
        try
        {
            return [.. KeepAside.MomentsOf(kept).Select(key => key.Name)];
        }
        catch (MomentException failure)
        {
            report.Failure(failure);
            return [];
        }
    }

    // Layers that a branch, a snapshot, or something kept is read through.
    private static HashSet<string> Needed(DiskTracking disk) =>
        disk.Tips.Values.Select(tip => tip.LayerId)
            .Concat(disk.Points.Values.Where(point => point.Kept || point.Moment is { Kind: MomentKind.Snapshot }).Select(point => point.LayerId))
            .SelectMany(top => LayerDrift.Recorded(disk, top)).Select(layer => layer.Id).ToHashSet(StringComparer.Ordinal);
}
