using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>One moment's document that is to be imported, and where it stands.</summary>
/// <param name="Document">As it was read.</param>
/// <param name="Source">The file, or what the messages call the text.</param>
/// <param name="Line">The line that the document begins on; 0 where that is not known.</param>
internal sealed record ImportedDocument(MomentDocument Document, string Source, int Line)
{
    public MomentKey Key { get; } = new(Document is CheckpointDocument ? MomentKind.Checkpoint : MomentKind.Snapshot, Document.Name ?? "");

    /// <summary>"checkpoint 'c1'".</summary>
    public string Label => $"{Key.Kind.ToString().ToLowerInvariant()} {(Document.Name is { } name ? XmlErrors.Quote(name) : "without a name")}";

    public string Place => Line > 0 ? $"{Source}, line {Line}" : Source;

    /// <summary>The UUIDs of the domain that the document says it belongs to.</summary>
    public IEnumerable<Guid> DomainUuids => new[]
    {
        Document.Domain?.Uuid, (Document as SnapshotDocument)?.InactiveDomain?.Uuid, (Document as SnapshotDocument)?.DomainUuid,
    }.OfType<Guid>();
}
