using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Operations.Foreign;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>
/// Import-VMMoment: documents of moments become known, all or none, by one commit. Nothing in the images is changed by that, unless bitmaps
/// record there for the moments, as libvirt's do: those are adopted by the same commit. Else there are at most saved segments to sweep away.
/// </summary>
internal sealed class MomentImport(EngineContext context)
{
    public const string Operation = "moment-import";

    public async Task<IReadOnlyList<VMMoment>> RunAsync(string vm, ImportMomentsRequest request, IOperationReport report, CancellationToken cancellation)
    {
        // Read before the domain is held: it may be much, and broken.
        ImportSet set = ImportSet.Read(request, cancellation);
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Import-VMMoment", report, cancellation);
        ImportPlan plan = ImportPlan.Make(set, scope.Domain, scope.State);
        foreach ((string disk, int count) in plan.UnknownDisks)
            report.Warning($"'{vm}' has no disk {XmlErrors.Quote(disk)}: {count} of the imported moments name it, and it is not covered there.");
        if (request.Validate)
            await ImportValidation.RunAsync(scope.Place, scope.Domain, plan.Moments, set.Documents, cancellation);
        (DomainMoments next, TrackingPackage? package) = await NextAsync(scope, set, plan, request, report, cancellation);
        IReadOnlyList<AdoptedBitmap> recording = request.MetadataOnly || package is not null ? [] : await ImportAdoption.FindAsync(scope, plan.Moments, report, cancellation);
        if (recording.Count > 0)
            await Adoption.RunAsync(scope, ImportAdoption.WithCurrent(next, recording), recording, report, cancellation);
        else
            Write(scope, next, package);
        return Results(vm, scope.State, plan, await MomentListing.LookAsync(scope.Place, scope.Domain, scope.State, report, cancellation));
    }

    private static void Write(ChangeScope scope, DomainMoments next, TrackingPackage? package)
    {
        using Journal journal = scope.Begin(Operation, [], next);
        List<string> written = [];
        try
        {
            journal.Pass("sidecars");
            WriteSidecars(scope.Store.Segments, next, package, written);
        }
        catch (Exception)
        {
            scope.Store.Segments.Delete(written);
            journal.End();
            throw;
        }

        scope.Commit(journal, next);
    }

    /// <summary>The moments that an import would add; every rule is checked, nothing is changed.</summary>
    public async Task<IReadOnlyList<VMMoment>> PlanAsync(string vm, ImportMomentsRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ImportSet set = ImportSet.Read(request, cancellation);
        Machines.DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure);
        ImportPlan plan = ImportPlan.Make(set, domain, state);
        if (request.Validate)
            await ImportValidation.RunAsync(place, domain, plan.Moments, set.Documents, cancellation);
        return Results(vm, WithMoments(state, plan.Moments), plan, new Dictionary<string, ObservedLayer>(StringComparer.Ordinal));
    }

    private static async Task<(DomainMoments Next, TrackingPackage? Package)> NextAsync(
        ChangeScope scope, ImportSet set, ImportPlan plan, ImportMomentsRequest request, IOperationReport report, CancellationToken cancellation)
    {
        MomentKey? current = CurrentOf(set, plan, request, scope.Place.Name);
        DomainMoments next = WithMoments(scope.State, plan.Moments) with { Current = current ?? scope.State.Current };
        if (set.Domains is not [var domain] || TrackingPackage.Find(domain) is not { } element)
            return (next, null);
        TrackingPackage package = TrackingPackage.Read(element, domain);
        if (request.MetadataOnly || scope.State.Moments.Count > 0 || scope.State.Disks.Values.Any(disk => disk.Points.Count > 0))
        {
            if (!request.MetadataOnly)
                report.Warning($"'{scope.Place.Name}' has moments already: the record of changes in {domain.Source} is not taken over, only its descriptions.");
            return (next, null);
        }

        // From here on its layers are recorded, and what is recorded may be read.
        await BackingGate.RequireAsync(scope.Domain, scope.State, $"take over the record of '{scope.Place.Name}'", cancellation);
        next = WithMoments(scope.State, TrackingReturn.Moments(package, plan.Moments, domain.Source)) with
        {
            Branches = package.Branches.ToDictionary(branch => branch.Name, StringComparer.Ordinal),
            ActiveBranch = package.ActiveBranch,
            Disks = package.Disks.ToDictionary(disk => disk.Disk, StringComparer.Ordinal),
        };
        if (request.Current)
            next = next with { Current = current };
        IReadOnlyDictionary<string, ObservedLayer> seen = await MomentListing.LookAsync(scope.Place, scope.Domain, next, report, cancellation);
        IReadOnlyList<DiskTracking> disks = TrackingReturn.Disks(package, scope.Domain, seen, (disk, why) => report.Warning(
            $"Disk '{disk}' of '{scope.Place.Name}': what changed between the imported moments is not known, because {why}. The next checkpoint starts anew; the next backup stores this disk in full."));
        foreach (DiskTracking disk in disks)
        {
            DiskTracking there = await LayerFollow.CopiedAsync(await LayerFollow.RunAsync(disk, report, cancellation), report, cancellation);
            next = next.With(await LayerFollow.ProvenAsync(there, seen.GetValueOrDefault(disk.Disk), cancellation));
        }

        await BackingGate.RequireAsync(scope.Domain, next.Disks.Values, cancellation);
        return (next, package);
    }

    private static MomentKey? CurrentOf(ImportSet set, ImportPlan plan, ImportMomentsRequest request, string vm)
    {
        if (!request.Current)
            return plan.Moments.Where(moment => set.Current.Contains(moment.Key)).MaxBy(moment => moment.Created)?.Key;
        return plan.Moments is [var only] ? only.Key : throw new MomentException(
            MetadataErrors.ImportCurrentAmbiguous, $"Cannot make an imported moment of '{vm}' current: {plan.Moments.Count} moments are imported, and one is meant. Nothing was imported.", vm, "Import without -Current, then use Set-VMMoment -Current with the name of one.");
    }

    private static DomainMoments WithMoments(DomainMoments state, IReadOnlyList<StoredMoment> added)
    {
        var all = new Dictionary<MomentKey, StoredMoment>(state.Moments);
        foreach (StoredMoment moment in added)
            all.Add(moment.Key, moment);
        return state with { Moments = all };
    }

    // Only those that an edge refers to: their ids have been checked to be fit for a file's name.
    private static void WriteSidecars(SegmentFile segments, DomainMoments next, TrackingPackage? package, List<string> written)
    {
        if (package is null)
            return;
        HashSet<string> used = [.. next.Disks.Values.SelectMany(disk => disk.Points.Values).SelectMany(point => point.Sources).Select(source => source.SavedId).OfType<string>()];
        foreach ((string id, byte[] content) in package.Sidecars.Where(sidecar => used.Contains(sidecar.Key) && !segments.IsWhole(sidecar.Key)))
        {
            PrivateDirectory.Make(Path.GetDirectoryName(segments.PathOf(id))!);
            written.Add(id);
            // Not onto what an import that was killed, or damage, left under this name.
            if (File.Exists(segments.PathOf(id)))
                segments.Delete([id]);
            DurableFile.WriteNew(segments.PathOf(id), content);
        }
    }

    private static IReadOnlyList<VMMoment> Results(string vm, DomainMoments state, ImportPlan plan, IReadOnlyDictionary<string, ObservedLayer> seen)
    {
        MomentTree tree = state.Tree(out _);
        var results = new MomentResults(vm, state, tree, seen);
        return [.. plan.Moments.Select(moment => tree.Find(moment.Key)).OfType<Moment>().Select(results.Of)];
    }
}
