using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>The content of disks at a snapshot whose layers froze with it: files that nobody writes to, whether the machine runs or not.</summary>
/// <param name="domain">The machine.</param>
/// <param name="state">Its moments.</param>
/// <param name="moment">The snapshot; anything else is refused.</param>
internal sealed class FrozenContent(DomainDocument domain, DomainMoments state, MomentKey moment)
{
    /// <summary>What changed on a disk up to the snapshot, with what of it reads as zeroes there, and the content itself.</summary>
    public async Task<DiskChanges> OfAsync(DiskChanges changes, CancellationToken cancellation)
    {
        if (moment.Kind == MomentKind.Checkpoint)
            throw OperationErrors.ContentNotKept(domain.Name, moment.Name, null, "it is a checkpoint, which records what changes and keeps no content");
        DiskTracking tracking = state.Disk(changes.Disk);
        TrackingPoint point = tracking.PointOf(moment)!;
        TrackingLayer layer = tracking.Layers.Values.FirstOrDefault(layer => layer.FrozenTop == point.Id)
            ?? throw NotKept(changes.Disk, "no image is known that froze with it; what lies inside the images can only be gone back to");
        if (point.Altered is { } altered)
            throw NotKept(changes.Disk, altered);
        await RequireWholeAsync(tracking, layer, changes.Disk, cancellation);
        DomainDisk top = (domain.FindDisk(changes.Disk) ?? new DomainDisk { Target = changes.Disk }) with { SourceType = "file", SourcePath = layer.Path, Format = layer.Facts?.Format ?? "qcow2", BackingStore = [] };
        string[] chain = [.. (await DiskChain.ResolveAsync(domain.Name, top, readOnly: true, cancellation)).Select(one => one.Path)];
        StillImages images = await StillImages.SettleAsync(domain.Name, changes.Disk, chain, cancellation);
        // Once more: what they are from here on is proven, and not yet that it is what froze.
        await RequireWholeAsync(tracking, layer, changes.Disk, cancellation);
        await using Qcow2Chain image = await Qcow2Chain.OpenAsync(layer.Path, new PathListImageGate(chain), cancellation);
        // What the disk had more at the other end is no part of this content.
        ExtentMap blocks = changes.Blocks.Clip(image.Length);
        ExtentMap zero = await image.ZeroesAsync(blocks, cancellation);
        images.Verify();
        return changes with { Blocks = blocks, Zero = zero, Content = images.Content() };
    }

    private async Task RequireWholeAsync(DiskTracking tracking, TrackingLayer layer, string disk, CancellationToken cancellation)
    {
        IReadOnlyList<FrozenDamage> damages = await FrozenLayers.FindAsync(domain, state, cancellation);
        if (damages.FirstOrDefault(damage => damage.Disk == disk && FrozenLayers.IsReadThrough(tracking, layer.Id, damage.Layer.Id)) is { } damage)
            throw NotKept(disk, $"its layer '{damage.Layer.Path}' is not what it was: {damage.Text}");
    }

    private Errors.MomentException NotKept(string disk, string why) => OperationErrors.ContentNotKept(domain.Name, moment.Name, disk, why);
}
