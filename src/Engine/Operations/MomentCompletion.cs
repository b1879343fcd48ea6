using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Names for tab completion, from directory listings and small files: it never connects, waits, or throws.</summary>
internal sealed class MomentCompletion(DomainCatalogue catalogue)
{
    // Of more domains at once it is not read what they are.
    private const int MostDescribed = 100;

    public IReadOnlyList<CompletionItem> Domains(CompletionQuery query) => Shown(Quietly(() =>
        catalogue.Names().Where(query.Takes).Select((name, index) => new CompletionItem(name, index < MostDescribed ? DomainTip(name) : $"domain {name}"))));

    public IReadOnlyList<CompletionItem> Moments(CompletionQuery query) => EachDomain(query, name =>
    {
        MomentStore store = Store(name);
        return CompletionTips.OfMoments(name, store, Offered(query, Keys(store, query)));
    });

    /// <summary>Moments that can be compared: with another one, with now, or, where neither is asked for, with anything.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="other">The other one, or null.</param>
    /// <param name="now">Whether the present state is the other end.</param>
    public IReadOnlyList<CompletionItem> Comparable(CompletionQuery query, string? other, bool now) => EachDomain(query, name =>
    {
        DomainMoments state = Store(name).Load(_ => { }).Of(catalogue.Load(catalogue.Place(name)).Disks.Select(disk => disk.Target));
        HashSet<MomentKey> legal = now ? ComparableMoments.WithNow(state)
            : other is not null && state.Tree(out _).Require(other).Key is { } end ? ComparableMoments.With(state, end)
            : ComparableMoments.Any(state);
        return Known(name, state, query, legal);
    });

    /// <summary>External snapshots that the active branch stands on: layers can be merged into theirs.</summary>
    public IReadOnlyList<CompletionItem> Mergeable(CompletionQuery query) => EachDomain(query, name =>
    {
        DomainMoments state = Store(name).Load(_ => { });
        HashSet<MomentKey> legal =
        [
            .. state.Disks.Values.SelectMany(disk => LayerDrift.Recorded(disk).Skip(1).Select(layer => layer.FrozenTop is { } top ? disk.Points.GetValueOrDefault(top)?.Moment : null))
                .OfType<MomentKey>().Where(key => key.Kind == MomentKind.Snapshot),
        ];
        return Known(name, state, query, legal);
    });

    public IReadOnlyList<CompletionItem> BlockSnapshots(CompletionQuery query) => EachDomain(query, name =>
    {
        string directory = catalogue.DirectoryOf(name);
        return new ServiceRecords(directory).SnapshotNames.Where(query.Takes).Order(StringComparer.Ordinal).Select(snapshot => new CompletionItem(
            snapshot, $"block snapshot of {name}, {CompletionTips.Minute(new DateTimeOffset(File.GetLastWriteTimeUtc(Path.Combine(directory, ServiceRecords.PathOfSnapshot(snapshot)))))}"));
    });

    public IReadOnlyList<CompletionItem> ExportNames(CompletionQuery query) => EachDomain(query, name => Exports(name)
        .SelectMany(export => export.Disks.Where(disk => query.Takes(disk.ExportName)).Select(disk => new CompletionItem(disk.ExportName, $"disk {disk.Name} of {name} at {export.Address}"))));

    public IReadOnlyList<CompletionItem> ExportAddresses(CompletionQuery query) => EachDomain(query, name => Exports(name)
        .Where(export => query.Takes(export.Address)).GroupBy(export => export.Address, StringComparer.Ordinal)
        .Select(group => new CompletionItem(group.Key, string.Join(", ", group.SelectMany(export => export.Disks.Select(disk => $"{disk.Name} of {name} as {disk.ExportName}"))))));

    /// <param name="query">What is asked for.</param>
    /// <param name="elsewhere">Only those that the machine is not on.</param>
    public IReadOnlyList<CompletionItem> Branches(CompletionQuery query, bool elsewhere) => EachDomain(query, name =>
    {
        MomentStore store = Store(name);
        string active = store.ActiveBranch();
        return store.BranchNames().Where(branch => query.Takes(branch) && !(elsewhere && branch == active))
            .Select(branch => new CompletionItem(branch, $"branch of {name}{(branch == active ? ", where it is now" : "")}{Made(store.BranchCreated(branch))}"));
    });

    public IReadOnlyList<CompletionItem> Disks(CompletionQuery query) => EachDomain(query, name =>
    {
        IReadOnlyDictionary<string, long> sizes = Store(name).DiskSizes();
        return catalogue.Load(catalogue.Place(name)).Disks.Where(disk => query.Takes(disk.Target))
            .Select(disk => new CompletionItem(disk.Target, $"{Kind(disk)} of {name}{(sizes.TryGetValue(disk.Target, out long size) ? ", " + CompletionTips.Bytes(size) : "")}: {disk.SourcePath}"));
    });

    /// <inheritdoc cref="BitmapCompletion.Items"/>
    public IReadOnlyList<CompletionItem> Bitmaps(CompletionQuery query, IReadOnlyList<string> disks, bool adoptable) => EachDomain(query, name =>
    {
        DomainPlace place = catalogue.Place(name);
        return BitmapCompletion.Items(place, catalogue.Load(place), Store(name).Load(_ => { }), query, disks, adoptable);
    });

    /// <summary>What Undo-VMSnapshot can bring back, the last first.</summary>
    public IReadOnlyList<CompletionItem> Kept(CompletionQuery query) => EachDomain(query, name => Store(name).Kept()
        .Where(kept => query.Takes(kept.Id)).OrderByDescending(kept => kept.Since)
        .Select(kept => new CompletionItem(kept.Id, $"what {kept.Operation} left of {name}, {CompletionTips.Minute(kept.Since)}, kept until {CompletionTips.Minute(kept.Until)}")));

    /// <inheritdoc cref="BackupCompletion.Items"/>
    public static IReadOnlyList<CompletionItem> Backups(string repository, CompletionQuery query, bool standing, string? beneath) =>
        Shown(Quietly(() => BackupCompletion.Items(repository, query, standing, beneath)));

    /// <inheritdoc cref="BackupCompletion.Disks"/>
    public static IReadOnlyList<CompletionItem> BackupDisks(string repository, CompletionQuery query, IReadOnlyList<string> ids, bool newest) =>
        Shown(Quietly(() => BackupCompletion.Disks(repository, query, ids, newest)));

    private IReadOnlyList<BlockExportRecord> Exports(string name) => new ServiceRecords(catalogue.DirectoryOf(name)).Exports(_ => { });

    private MomentStore Store(string name) => new(catalogue.DirectoryOf(name));

    private static IReadOnlyList<MomentKey> Keys(MomentStore store, CompletionQuery query) =>
        query.Kind is null ? [.. store.Keys().OrderBy(key => key.Name, StringComparer.Ordinal)] : [.. store.Keys(Enum.Parse<MomentKind>(query.Kind))];

    // Both kinds may have one of the same name: where both are meant, each is named so that it is found.
    private static List<(MomentKey Key, string Text)> Offered(CompletionQuery query, IReadOnlyList<MomentKey> keys)
    {
        HashSet<string> twins = [.. keys.CountBy(key => key.Name, StringComparer.Ordinal).Where(pair => pair.Value > 1).Select(pair => pair.Key)];
        List<(MomentKey Key, string Text)> offered = [];
        foreach (MomentKey key in keys)
        {
            string text = query.WithKind || twins.Contains(key.Name) ? key.ToString() : key.Name;
            if (!query.Without.Contains(text, StringComparer.Ordinal) && (query.Wanted(text) || (!query.WithKind && query.Wanted(key.Name))))
                offered.Add((key, text));
        }

        return offered;
    }

    private static IEnumerable<CompletionItem> Known(string name, DomainMoments state, CompletionQuery query, HashSet<MomentKey> legal)
    {
        // All are looked at for twins: one of them is addressed by its kind also where the other is not legal.
        List<(MomentKey Key, string Text)> offered = Offered(query, [.. state.Moments.Keys.Where(key => query.Kind is null || key.Kind == Enum.Parse<MomentKind>(query.Kind)).OrderBy(key => key.Name, StringComparer.Ordinal)]);
        ILookup<MomentKey, TrackingPoint> points = state.Disks.Values.SelectMany(disk => disk.Points.Values).Where(point => point.Moment is not null).ToLookup(point => point.Moment!);
        return offered.Where(one => legal.Contains(one.Key)).Select(one => new CompletionItem(one.Text, CompletionTips.Of(name, state.Moments[one.Key], [.. points[one.Key]])));
    }

    private string DomainTip(string name)
    {
        try
        {
            DomainDocument domain = catalogue.Load(catalogue.Place(name));
            int moments = Store(name).Keys().Count;
            return $"domain {name} with {string.Join(", ", domain.Disks.Select(disk => disk.Target))}; {(moments == 1 ? "1 moment" : $"{moments} moments")}";
        }
        catch (MomentException)
        {
            return $"domain {name}, whose files cannot be read";
        }
    }

    private static string Made(DateTimeOffset? created) => created is { } time ? ", made " + CompletionTips.Minute(time) : "";

    private static string Kind(DomainDisk disk) => disk.Format is null ? disk.Device : $"{disk.Format} {disk.Device}";

    // One domain whose files are broken does not hide those of the others.
    private List<CompletionItem> EachDomain(CompletionQuery query, Func<string, IEnumerable<CompletionItem>> read) =>
        Shown(Quietly(() => Names(query)).SelectMany(name => Quietly(() => read(name))));

    // What comes from files may hold anything, and stands on a terminal before it is read: a name with a control character in it is not offered.
    private static List<CompletionItem> Shown(IEnumerable<CompletionItem> items) =>
    [
        .. items.Where(item => !item.Text.Any(char.IsControl)).DistinctBy(item => item.Text, StringComparer.Ordinal)
            .Select(item => item with { Tip = TextCells.Printable(item.Tip) }),
    ];

    private IEnumerable<string> Names(CompletionQuery query) =>
        query.VM.Count == 0 ? catalogue.Names() : query.VM.SelectMany(vm => Quietly(() => catalogue.Find(vm))).Distinct(StringComparer.Ordinal);

    private static List<T> Quietly<T>(Func<IEnumerable<T>> read)
    {
        try
        {
            return [.. read()];
        }
        catch (Exception failure) when (failure is MomentException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A key press is no place for errors: the command itself tells them.
            return [];
        }
    }
}
