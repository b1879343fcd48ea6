using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>Moments as libvirt's documents: what is ours is left out, and a parent is the nearest ancestor of the same kind, as libvirt knows no other.</summary>
internal sealed class ExportedDocuments(DomainMoments state, MomentTree tree)
{
    private readonly Lazy<MomentTree> _checkpoints = new(() => tree.Project(MomentKind.Checkpoint));
    private readonly Lazy<MomentTree> _snapshots = new(() => tree.Project(MomentKind.Snapshot));

    /// <summary>One moment.</summary>
    public string One(Moment moment, ExportMomentsRequest request, IReadOnlyDictionary<string, long?>? sizes) =>
        Of(moment.Key).ToXml(!request.NoDomain, request.Secure, includeExtension: false, sizes);

    /// <summary>All moments in one document, with the change tracking in the metadata of the domain.</summary>
    public string All(DomainDocument domain, TrackingPackage tracking, ExportMomentsRequest request, IReadOnlyDictionary<MomentKey, IReadOnlyDictionary<string, long?>> sizes)
    {
        var whole = new MomentsDocument(
            tracking.Into(domain),
            [.. _snapshots.Value.All.Select(moment => (SnapshotDocument)Of(moment.Key))], Current(_snapshots.Value),
            [.. _checkpoints.Value.All.Select(moment => (CheckpointDocument)Of(moment.Key))], Current(_checkpoints.Value));
        return whole.ToXml(request.Secure, !request.NoDomain, name => sizes.GetValueOrDefault(new MomentKey(MomentKind.Checkpoint, name)));
    }

    private static string? Current(MomentTree kind) => kind.Current?.Name;

    private MomentDocument Of(MomentKey key)
    {
        MomentTree kind = (key.Kind == MomentKind.Checkpoint ? _checkpoints : _snapshots).Value;
        MomentDocument document = state.Moments[key].Document with { ParentName = kind.Parent(kind.Find(key)!)?.Name };
        return document with { CreationTime = document.CreationTime ?? state.Moments[key].Created.ToUnixTimeSeconds() };
    }
}
