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
    /// <summary>Whether a disk without an answer is told as such, and no error that hides the others.</summary>
    public bool EachForItself { get; private init; }

    /// <summary>Whether the content that the blocks changed to is to be read, too.</summary>
    public bool WithContent { get; init; }

    /// <summary>Disks that were meant and that not both ends cover, each with the reason; empty unless each is told for itself.</summary>
    public IReadOnlyDictionary<string, string> Uncovered { get; private init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Those of the disks that the machine has now.</summary>
    public IReadOnlyList<string> Present => [.. Disks.Where(disk => Domain.FindDisk(disk) is not null)];

    /// <param name="domain">The machine.</param>
    /// <param name="state">Its moments.</param>
    /// <param name="from">The name of one moment.</param>
    /// <param name="to">The name of the other, or null: now.</param>
    /// <param name="asked">The disks, each once; empty means all that both cover. Each that is named must be covered (DiskNotCovered).</param>
    /// <param name="eachForItself">Whether a disk that is not covered, or whose changes are unknown, is told as such and no error.</param>
    public static ChangeQuestion Make(DomainDocument domain, DomainMoments state, string from, string? to, IReadOnlyList<string> asked, bool eachForItself = false)
    {
        MomentTree tree = state.Tree(out _);
        MomentKey first = tree.Require(from).Key;
        MomentKey? second = to is null ? null : tree.Require(to).Key;
        MomentKey[] ends = second is { } other ? [first, other] : [first];
        RequireNames(domain, state, asked, past: second is not null);
        List<string> covered = [];
        Dictionary<string, string> uncovered = new(StringComparer.Ordinal);
        foreach (string disk in asked.Count > 0 ? asked : Meant(domain, state, ends, all: eachForItself))
        {
            if (Array.Find(ends, end => WithoutRecord(state, end, disk)) is { } bare)
                uncovered[disk] = eachForItself ? ImportedBare(bare) : throw OperationErrors.Unknown(domain.Name, disk, first.Name, second?.Name, ImportedBare(bare));
            else if (Array.Find(ends, end => state.Disk(disk).PointOf(end) is null) is { } blind)
                uncovered[disk] = eachForItself || asked.Count == 0 ? $"'{blind.Name}' does not cover it{Because(domain, disk)}" : throw NotCovered(domain, disk, blind);
            else
                covered.Add(disk);
        }

        return covered.Count == 0 && (!eachForItself || uncovered.Count == 0)
            ? throw NoDisk(domain, ends)
            : new ChangeQuestion(domain, state, first, second, covered) { EachForItself = eachForItself, Uncovered = uncovered };
    }

    /// <summary>The way between the ends on one disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="seen">What is really on its active layer, or null where nobody looked.</param>
    /// <param name="segments">The sidecars.</param>
    public ChangePath Path(string disk, ObservedLayer? seen, SegmentFile segments)
    {
        DiskTracking tracking = State.Disk(disk);
        return EndPoint(tracking) is { } end
            ? ChangePath.Between(tracking, tracking.PointOf(From)!.Id, end, seen, segments)
            : ChangePath.Unknown("nothing is recorded on the disk any more");
    }

    /// <summary>The point of the other end on a disk's tree: a moment's, or the tip for now; null where nothing is recorded any more.</summary>
    public string? EndPoint(DiskTracking tracking) => To is { } to ? tracking.PointOf(to)?.Id : tracking.ActiveTip?.PointId;

    /// <summary>The same way where it leads to an answer; else the error says why not, unless each disk is told for itself.</summary>
    public ChangePath Proven(string disk, ChangePath path) => path.Doubt is null || EachForItself ? path : throw Unknown(disk, path.Doubt);

    /// <summary>What the sidecars and the frozen images on the way hold.</summary>
    public async Task<DiskChanges> FrozenAsync(string disk, ChangePath path, CancellationToken cancellation)
    {
        ExtentMap blocks = path.Saved;
        string? unknown = path.Doubt;
        foreach (FrozenBitmap bitmap in path.Frozen)
        {
            (ExtentMap more, string? doubt) = await bitmap.ReadAsync(path.Size, cancellation);
            if (doubt is not null && !EachForItself)
                throw Unknown(disk, doubt);
            unknown ??= doubt;
            blocks = blocks.Union(more);
        }

        return new DiskChanges(disk, path.Size, blocks, null, unknown);
    }

    /// <summary>The whole answer where the active layer, if it is needed, is a file that nobody has open.</summary>
    public async Task<DiskChanges> OfflineAsync(string disk, ChangePath path, string? activeImage, CancellationToken cancellation)
    {
        DiskChanges changes = await FrozenAsync(disk, path, cancellation);
        if (path.Bitmaps.Count == 0 || changes.Doubt is not null)
            return changes;
        ExtentMap blocks = changes.Blocks;
        await using Qcow2Image image = await Qcow2Image.OpenAsync(activeImage!, cancellation);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
        foreach (string name in path.Bitmaps)
            blocks = blocks.Union((await image.ReadBitmapAsync(bitmaps.First(bitmap => bitmap.Name == name), cancellation)).Clip(path.Size));
        return changes with { Blocks = blocks };
    }

    private static void RequireNames(DomainDocument domain, DomainMoments state, IReadOnlyList<string> asked, bool past)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string disk in asked)
        {
            // A disk that was taken out of the machine has a past, but no present.
            if (domain.FindDisk(disk) is null && !(past && state.Disks.ContainsKey(disk)))
                throw DiskNaming.Unknown(disk, domain);
            if (!seen.Add(disk))
                throw new MomentException(XmlErrors.DiskNamedTwice, $"The disk '{disk}' of '{domain.Name}' is named twice.", disk, "Name each disk once.");
        }
    }

    // Where each disk is told for itself, also those that one end alone covers, and those that are not in the machine any more.
    private static IEnumerable<string> Meant(DomainDocument domain, DomainMoments state, MomentKey[] ends, bool all)
    {
        IEnumerable<string> present = domain.Disks.Select(disk => disk.Target);
        if (!all)
            return present;
        IEnumerable<string> gone = ends.Length == 1 ? [] : state.Disks.Keys.Where(disk => domain.FindDisk(disk) is null).Order(StringComparer.Ordinal);
        return present.Concat(gone).Where(disk => ends.Any(end => state.Disk(disk).PointOf(end) is not null || WithoutRecord(state, end, disk)));
    }

    // An imported checkpoint may say that it covers a disk, and nothing that was recorded came with it.
    private static bool WithoutRecord(DomainMoments state, MomentKey moment, string disk) =>
        state.Moments[moment].Document is CheckpointDocument document
        && document.Disks.Any(entry => entry.Name == disk && entry.Mode == CheckpointMode.Bitmap)
        && state.Disk(disk).PointOf(moment) is null;

    private static string ImportedBare(MomentKey moment) => $"'{moment.Name}' was imported without its record of changes";

    // A disk that cannot be tracked is covered by no moment: the reason is more than that this one does not.
    private static string Because(DomainDocument domain, string disk) =>
        domain.FindDisk(disk) is { } definition && CheckpointAlignment.WhyNot(definition) is { } reason ? $"; the disk {reason}" : "";

    private static MomentException NotCovered(DomainDocument domain, string disk, MomentKey moment) => new(
        OperationErrors.DiskNotCovered, $"'{moment.Name}' of '{domain.Name}' does not cover disk '{disk}'{Because(domain, disk)}.", disk, "Get-VMMoment shows which disks a moment covers.");

    private static MomentException NoDisk(DomainDocument domain, MomentKey[] ends) => new(
        OperationErrors.DiskNotCovered,
        ends is [MomentKey only]
            ? $"'{only.Name}' of '{domain.Name}' covers none of the disks that the domain has now."
            : $"'{ends[0].Name}' and '{ends[1].Name}' of '{domain.Name}' cover no disk together that the domain has now.",
        ends[0].Name, "Get-VMMoment shows which disks a moment covers.");

    private MomentException Unknown(string disk, string why) => OperationErrors.Unknown(Domain.Name, disk, From.Name, To?.Name, why);
}
