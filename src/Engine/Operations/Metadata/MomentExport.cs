using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>
/// Export-VMMoment: moments as libvirt's documents, a document each, or all in one with what libvirt has no word for. Nothing of the machine is
/// changed; files are written only when all documents are made and none of the names is taken.
/// </summary>
internal sealed class MomentExport(EngineContext context)
{
    public async Task<IReadOnlyList<VMMomentDocument>> RunAsync(string vm, ExportMomentsRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        DomainMoments state = store.Load(report.Failure, whole: true);
        MomentTree tree = state.Tree(out _);
        IReadOnlyList<Moment> chosen = Chosen(tree, request, vm);
        ExportTarget target = ExportTarget.Of(request, chosen);
        target.RequireFree();
        IReadOnlyDictionary<MomentKey, IReadOnlyDictionary<string, long?>> sizes = request.Size ? await SizesAsync(vm, chosen, report, cancellation) : new Dictionary<MomentKey, IReadOnlyDictionary<string, long?>>();
        var documents = new ExportedDocuments(state, tree);
        IReadOnlyList<VMMomentDocument> made = target.Whole
            ? [new VMMomentDocument { VM = vm, Xml = documents.All(domain, TrackingPacking.Make(state, store.Segments), request, sizes), Path = target.File }]
            : [.. chosen.Select(moment => new VMMomentDocument { VM = vm, Name = moment.Name, Kind = moment.Kind.ToString(), Xml = documents.One(moment, request, sizes.GetValueOrDefault(moment.Key)), Path = target.PathOf(moment) })];
        cancellation.ThrowIfCancellationRequested();
        target.Write(made);
        return made;
    }

    private static IReadOnlyList<Moment> Chosen(MomentTree tree, ExportMomentsRequest request, string vm)
    {
        if (tree.Count == 0)
            throw new MomentException(MetadataErrors.ExportNothing, $"Cannot export moments of '{vm}': it has none.", vm, "New-VMCheckpoint takes a checkpoint.");
        if (request.Names.Count == 0)
            return tree.All;
        HashSet<MomentKey> found = [];
        foreach (string name in request.Names)
        {
            if (name.AsSpan().IndexOfAny("*?[`") < 0 || tree.FindByName(name).Count > 0)
                found.Add(tree.Require(name).Key);
            else
                found.UnionWith(tree.All.Where(new MomentNamePattern(name).IsMatch).Select(moment => moment.Key));
        }

        return found.Count > 0 ? [.. tree.All.Where(moment => found.Contains(moment.Key))]
            : throw new MomentException(MetadataErrors.ExportNothing, $"Cannot export moments of '{vm}': no name matches {string.Join(", ", request.Names.Select(XmlErrors.Quote))}.", vm, "Get-VMMoment lists the moments.");
    }

    // A broken bitmap is told as an error; the document then lacks that size, as libvirt's would without a word.
    private async Task<IReadOnlyDictionary<MomentKey, IReadOnlyDictionary<string, long?>>> SizesAsync(string vm, IReadOnlyList<Moment> moments, IOperationReport report, CancellationToken cancellation)
    {
        var changes = new ChangedBlocks(context);
        Dictionary<MomentKey, IReadOnlyDictionary<string, long?>> sizes = [];
        foreach (Moment moment in moments.Where(moment => moment.Kind == MomentKind.Checkpoint))
        {
            Dictionary<string, long?> disks = new(StringComparer.Ordinal);
            foreach (MomentDisk disk in moment.Disks.Where(disk => disk.Covered))
            {
                try
                {
                    disks[disk.Name] = (await changes.RunAsync(vm, moment.Key.ToString(), [disk.Name], withKinds: false, report, cancellation))[0].Blocks.TotalLength;
                }
                catch (MomentException failure) when (failure.ErrorId == OperationErrors.ChangesUnknown || failure.ErrorId == OperationErrors.DiskNotCovered || failure.ErrorId == XmlErrors.DiskNotInDomain)
                {
                    report.Failure(failure);
                }
            }

            sizes[moment.Key] = disks;
        }

        return sizes;
    }
}
