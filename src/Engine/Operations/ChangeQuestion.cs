using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Between which moments, and on which disks, somebody wants to know what changed.</summary>
/// <param name="Domain">The machine.</param>
/// <param name="State">Its moments.</param>
/// <param name="From">One end.</param>
/// <param name="To">The other, or null: now.</param>
/// <param name="Disks">The disks that both ends cover.</param>
internal sealed record ChangeQuestion(DomainDocument Domain, DomainMoments State, MomentKey From, MomentKey? To, IReadOnlyList<string> Disks)
{
    /// <summary>Those of the disks that the machine has now.</summary>
    public IReadOnlyList<string> Present => [.. Disks.Where(disk => Domain.FindDisk(disk) is not null)];

    /// <param name="domain">The machine.</param>
    /// <param name="state">Its moments.</param>
    /// <param name="from">The name of one moment.</param>
    /// <param name="to">The name of the other, or null: now.</param>
    /// <param name="asked">The disks; empty means all that both cover. Each that is named must be covered (DiskNotCovered).</param>
    public static ChangeQuestion Make(DomainDocument domain, DomainMoments state, string from, string? to, IReadOnlyList<string> asked)
    {
        MomentTree tree = state.Tree(out _);
        MomentKey first = tree.Require(from).Key;
        MomentKey? second = to is null ? null : tree.Require(to).Key;
        MomentKey[] ends = second is { } other ? [first, other] : [first];
        foreach (string disk in asked.Count == 0 ? domain.Disks.Select(disk => disk.Target) : asked)
            foreach (MomentKey end in ends)
                if (WithoutRecord(state, end, disk))
                    throw OperationErrors.Unknown(domain.Name, disk, first.Name, second?.Name, $"'{end.Name}' was imported without its record of changes");
        foreach (string disk in asked)
        {
            // A disk that was taken out of the machine has a past, but no present.
            if (domain.FindDisk(disk) is null && (second is null || !state.Disks.ContainsKey(disk)))
                throw CheckpointAlignment.UnknownDisk(disk, domain);
            foreach (MomentKey end in ends)
                if (state.Disk(disk).PointOf(end) is null)
                    throw new MomentException(OperationErrors.DiskNotCovered, $"'{end.Name}' of '{domain.Name}' does not cover disk '{disk}'.", disk, "Get-VMMoment shows which disks a moment covers.");
        }

        string[] covered = [.. (asked.Count == 0 ? domain.Disks.Select(disk => disk.Target) : asked.Distinct(StringComparer.Ordinal))
            .Where(disk => ends.All(end => state.Disk(disk).PointOf(end) is not null))];
        return covered.Length > 0 ? new ChangeQuestion(domain, state, first, second, covered) : throw NoDisk(domain, ends);
    }

    /// <summary>The way between the ends on one disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="seen">What is really on its active layer, or null where nobody looked.</param>
    /// <param name="segments">The sidecars.</param>
    public ChangePath Path(string disk, ObservedLayer? seen, SegmentFile segments)
    {
        DiskTracking tracking = State.Disk(disk);
        string from = tracking.PointOf(From)!.Id;
        return To is { } to ? ChangePath.Between(tracking, from, tracking.PointOf(to)!.Id, seen, segments)
            : tracking.ActiveTip is { } tip ? ChangePath.Between(tracking, from, tip.PointId, seen, segments)
            : throw Unknown(disk, "nothing is recorded on the disk any more");
    }

    /// <summary>The same way where it leads to an answer; else the error says why not.</summary>
    public ChangePath Proven(string disk, ChangePath path) => path.Doubt is null ? path : throw Unknown(disk, path.Doubt);

    /// <summary>What the sidecars and the frozen images on the way hold.</summary>
    public async Task<ExtentMap> FrozenAsync(string disk, ChangePath path, CancellationToken cancellation)
    {
        ExtentMap blocks = path.Saved;
        foreach (FrozenBitmap bitmap in path.Frozen)
        {
            (ExtentMap more, string? doubt) = await bitmap.ReadAsync(path.Size, cancellation);
            blocks = doubt is null ? blocks.Union(more) : throw Unknown(disk, doubt);
        }

        return blocks;
    }

    /// <summary>The whole answer where the active layer, if it is needed, is a file that nobody has open.</summary>
    public async Task<ExtentMap> OfflineAsync(string disk, ChangePath path, string? activeImage, CancellationToken cancellation)
    {
        ExtentMap blocks = await FrozenAsync(disk, path, cancellation);
        if (path.Bitmaps.Count == 0)
            return blocks;
        await using Qcow2Image image = await Qcow2Image.OpenAsync(activeImage!, cancellation);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
        foreach (string name in path.Bitmaps)
            blocks = blocks.Union((await image.ReadBitmapAsync(bitmaps.First(bitmap => bitmap.Name == name), cancellation)).Clip(path.Size));
        return blocks;
    }

    // An imported checkpoint may say that it covers a disk, and nothing that was recorded came with it.
    private static bool WithoutRecord(DomainMoments state, MomentKey moment, string disk) =>
        state.Moments[moment].Document is CheckpointDocument document
        && document.Disks.Any(entry => entry.Name == disk && entry.Mode == CheckpointMode.Bitmap)
        && state.Disk(disk).PointOf(moment) is null;

    private static MomentException NoDisk(DomainDocument domain, MomentKey[] ends) => new(
        OperationErrors.DiskNotCovered,
        ends is [MomentKey only]
            ? $"'{only.Name}' of '{domain.Name}' covers none of the disks that the domain has now."
            : $"'{ends[0].Name}' and '{ends[1].Name}' of '{domain.Name}' cover no disk together that the domain has now.",
        ends[0].Name, "Get-VMMoment shows which disks a moment covers.");

    private MomentException Unknown(string disk, string why) => OperationErrors.Unknown(Domain.Name, disk, From.Name, To?.Name, why);
}
