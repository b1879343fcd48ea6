using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Metadata;
using MomentTools.Xml;

namespace MomentTools.Operations.Foreign;

/// <summary>
/// Import-VMMoment -FromBitmap: a bitmap that records becomes a checkpoint. A bitmap does not tell when it was begun: without a time the
/// checkpoint has no parent and the time of the import; with one it comes below the youngest moment that is not younger.
/// </summary>
internal sealed class BitmapImport(EngineContext context)
{
    public async Task<IReadOnlyList<VMMoment>> RunAsync(string vm, ImportBitmapsRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.Bitmaps.Count == 0)
            throw new MomentException(MetadataErrors.ImportNothing, $"Cannot import into '{vm}': no bitmap is named.", vm, "Get-VMBitmap shows the bitmaps in the images.");
        if (request.Name is not null && request.Bitmaps.Count > 1)
            throw new MomentException(ForeignErrors.BitmapAmbiguous, $"Cannot import {request.Bitmaps.Count} bitmaps of '{vm}' as one checkpoint '{request.Name}'. Nothing was changed.", request.Name, "Give one bitmap with -Name, or leave out -Name.");
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Import-VMMoment", report, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(
            scope.Place, scope.Domain, scope.State, [.. scope.Domain.Disks.Where(disk => disk is { Format: "qcow2", SourcePath: not null }).Select(disk => disk.Target)], report, cancellation);
        DomainMoments moments = scope.State;
        List<AdoptedBitmap> bitmaps = [];
        foreach ((string bitmap, IReadOnlyList<string> disks) in request.Bitmaps)
        {
            StoredMoment moment = Describe(scope, request, bitmap, DisksOf(scope, bitmap, disks, seen));
            scope.RequireFree(moment.Key.Name);
            moments = moments.With(moment);
            bitmaps.AddRange(CheckpointCreation.Tracked(moment).Select(disk => new AdoptedBitmap(disk, bitmap, moment.Key)));
        }

        await Adoption.RunAsync(scope, ImportAdoption.WithCurrent(moments, bitmaps), bitmaps, report, cancellation);
        MomentTree tree = scope.State.Tree(out _);
        var results = new MomentResults(vm, scope.State, tree, await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation));
        return [.. bitmaps.Select(bitmap => bitmap.Moment).Distinct().Select(key => results.Of(tree.Find(key)!))];
    }

    private static string[] DisksOf(ChangeScope scope, string bitmap, IReadOnlyList<string> asked, IReadOnlyDictionary<string, ObservedLayer> seen)
    {
        if (asked.FirstOrDefault(disk => scope.Domain.FindDisk(disk) is null) is { } unknown)
            throw DiskNaming.Unknown(unknown, scope.Domain);
        string[] disks = asked.Count > 0 ? [.. asked.Distinct(StringComparer.Ordinal)] : [.. seen.Where(disk => disk.Value.Bitmaps.ContainsKey(bitmap)).Select(disk => disk.Key)];
        return disks.Length > 0 ? disks
            : throw new MomentException(OperationErrors.BitmapNotFound, $"No active image of '{scope.Place.Name}' has a bitmap '{bitmap}'.", bitmap, "Get-VMBitmap shows those that are there.");
    }

    private static StoredMoment Describe(ChangeScope scope, ImportBitmapsRequest request, string bitmap, IReadOnlyList<string> disks)
    {
        string name = request.Name ?? bitmap;
        if (MomentNames.CheckpointRule(name) is { } rule)
            throw new MomentException(XmlErrors.MomentNameInvalid, $"{XmlErrors.Quote(name)} cannot be the name of a checkpoint: {rule}.", name, "Give the checkpoint another name with -Name; the bitmap is renamed with it.");
        // To the tick as the store writes it, so that what was made and what is read later are equal.
        DateTimeOffset created = (request.Created ?? DateTimeOffset.UtcNow).ToUniversalTime();
        MomentKey? parent = request.Created is null ? null
            : scope.State.Moments.Values.Where(moment => moment.Created <= created).MaxBy(moment => moment.Created)?.Key;
        CheckpointDocument document = CheckpointAlignment.Align(
            new CheckpointDocument { Name = name, Description = request.Description, Disks = [.. disks.Select(disk => new CheckpointDisk(disk, CheckpointMode.Bitmap, null))], DisksGiven = true },
            scope.Domain);
        return new StoredMoment(
            new MomentKey(MomentKind.Checkpoint, name), MomentIds.New(), document with { ParentName = parent?.Name, CreationTime = created.ToUnixTimeSeconds(), Domain = scope.Domain }, parent, created, null);
    }
}
