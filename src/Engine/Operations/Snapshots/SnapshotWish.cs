using System.Globalization;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>What a request asks for, with every rule checked that needs no machine.</summary>
/// <param name="Moment">The moment as it will be, but for what only the machine tells: state, memory, the files of new layers.</param>
/// <param name="Kind">Internal or external.</param>
/// <param name="Memory">Whether the memory is to be saved; null: where there is one.</param>
/// <param name="MemoryPath">The file for it, or null for a name of our own.</param>
/// <param name="Paths">The files of new layers that were given, by disk, each with the words by which it was given.</param>
internal sealed record SnapshotWish(
    StoredMoment Moment, SnapshotMode Kind, bool? Memory, string? MemoryPath, IReadOnlyDictionary<string, (string Path, string Given)> Paths)
{
    public SnapshotDocument Document => (SnapshotDocument)Moment.Document;

    /// <summary>The disks that take part, in the domain's order.</summary>
    public IReadOnlyList<string> Disks => [.. Document.Disks.Where(disk => disk.Mode != SnapshotMode.No).Select(disk => disk.Name)];

    /// <exception cref="Errors.MomentException">Switches that exclude each other, a name that is taken or not allowed, disks that are unknown, named twice, or cannot take part.</exception>
    public static SnapshotWish Of(ChangeScope scope, CreateSnapshotRequest request)
    {
        // To the tick as the store writes it, so that what was made and what is read later are equal.
        DateTimeOffset now = DateTimeOffset.UtcNow;
        SnapshotDocument given = Meant(request);
        string name = request.Name ?? given.Name ?? NameOf(now);
        SnapshotMode kind = SnapshotAlignment.KindOf(given, request.Internal);
        SnapshotOptions.Check(request, given, name, kind);
        MomentNames.CheckSnapshot(name);
        if (!request.NoMetadata)
            scope.RequireFree(name);
        SnapshotDocument aligned = SnapshotAlignment.Align(given with { Name = name }, scope.Domain, kind, listedOnly: request.Disks.Count > 0);
        string[] covered = Covered(aligned);
        MomentKey? parent = scope.State.Tree(out _).NewestCurrent(covered)?.Key;
        SnapshotDocument document = aligned with
        {
            State = null, Memory = null, RevertDisks = [], Active = null, InactiveDomain = null, DomainUuid = null, Cookie = null,
            ParentName = parent?.Name, CreationTime = now.ToUnixTimeSeconds(), Domain = scope.Domain,
        };
        return new SnapshotWish(
            new StoredMoment(new MomentKey(MomentKind.Snapshot, name), scope.Id, document, parent, now, null), kind, MemoryOf(request, given),
            request.MemoryPath ?? given.Memory?.File, PathsOf(request, aligned, scope.Domain, covered));
    }

    /// <summary>The document that a request gives; null where it gives none.</summary>
    public static SnapshotDocument? Given(CreateSnapshotRequest request) => request switch
    {
        { XmlPath: { } path } => SnapshotDocument.Load(path, XmlOrigin.User),
        { Xml: { } xml } => SnapshotDocument.Parse(xml, XmlErrors.Given, XmlOrigin.User),
        _ => null,
    };

    /// <summary>The disks that would get a new layer; none where the snapshot would lie inside the images.</summary>
    /// <exception cref="Errors.MomentException">Disks that are unknown, named twice, or cannot take part.</exception>
    public static IReadOnlyList<string> Layered(DomainDocument domain, CreateSnapshotRequest request)
    {
        SnapshotDocument given = Meant(request);
        SnapshotMode kind = SnapshotAlignment.KindOf(given, request.Internal);
        return kind == SnapshotMode.External ? Covered(SnapshotAlignment.Align(given with { Name = request.Name ?? given.Name ?? "" }, domain, kind, listedOnly: request.Disks.Count > 0)) : [];
    }

    /// <summary>The name of a snapshot that was given none.</summary>
    public static string NameOf(DateTimeOffset now) => now.ToString("'snap-'yyyyMMdd'-'HHmmss'-'fff", CultureInfo.InvariantCulture);

    private static SnapshotDocument Meant(CreateSnapshotRequest request) =>
        Given(request) ?? new SnapshotDocument { Description = request.Description, Disks = [.. request.Disks.Select(disk => new SnapshotDisk(disk, null))] };

    private static string[] Covered(SnapshotDocument aligned) => [.. aligned.Disks.Where(disk => disk.Mode != SnapshotMode.No).Select(disk => disk.Name)];

    private static bool? MemoryOf(CreateSnapshotRequest request, SnapshotDocument given) =>
        request.DiskOnly || given.Memory is { Mode: SnapshotMode.No } ? false
        : request.Memory || request.MemoryPath is not null || request.Live || given.Memory is not null ? true
        : null;

    private static Dictionary<string, (string Path, string Given)> PathsOf(CreateSnapshotRequest request, SnapshotDocument aligned, DomainDocument domain, string[] covered)
    {
        var paths = aligned.Disks.Where(disk => disk.SourcePath is not null)
            .ToDictionary(disk => disk.Name, disk => (disk.SourcePath!, $"<source> of disk '{disk.Name}'"), StringComparer.Ordinal);
        foreach ((string disk, string path) in request.Overlays)
        {
            if (domain.FindDisk(disk) is null)
                throw DiskNaming.Unknown(disk, domain);
            if (!covered.Contains(disk, StringComparer.Ordinal))
                throw SnapshotCreationErrors.OverlayOfNothing(disk, path);
            paths[disk] = (path, $"-Overlay for disk '{disk}'");
        }

        return paths;
    }
}
