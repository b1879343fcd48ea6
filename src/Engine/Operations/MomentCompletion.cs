using System.Globalization;
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
    public IReadOnlyList<CompletionItem> Domains() => Quietly(() => catalogue.Names().Select(name => new CompletionItem(name, $"domain {name}")));

    public IReadOnlyList<CompletionItem> Moments(string? vm) => Quietly(() => Names(vm).SelectMany(name =>
    {
        string directory = catalogue.Place(name).StateDirectory;
        // The file's time stands for the moment's: reading thousands of files would take longer than a key press may.
        var store = new MomentStore(directory);
        IReadOnlyList<MomentKey> keys = store.Keys();
        HashSet<string> twins = [.. keys.CountBy(key => key.Name, StringComparer.Ordinal).Where(pair => pair.Value > 1).Select(pair => pair.Key)];
        return keys.Select(key => new CompletionItem(
            twins.Contains(key.Name) ? key.ToString() : key.Name,
            string.Create(CultureInfo.CurrentCulture, $"{(key.Kind == MomentKind.Checkpoint ? "checkpoint" : "snapshot")} of {name}, {File.GetLastWriteTime(store.PathOf(key)):g}")));
    }));

    public IReadOnlyList<CompletionItem> Snapshots(string? vm) => Quietly(() => Names(vm).SelectMany(name =>
    {
        var store = new MomentStore(catalogue.Place(name).StateDirectory);
        return store.Keys(MomentKind.Snapshot).Select(key => new CompletionItem(
            key.Name, string.Create(CultureInfo.CurrentCulture, $"snapshot of {name}, {File.GetLastWriteTime(store.PathOf(key)):g}")));
    }));

    public IReadOnlyList<CompletionItem> BlockSnapshots(string? vm) => Quietly(() => Names(vm).SelectMany(name =>
    {
        string directory = catalogue.Place(name).StateDirectory;
        return new ServiceRecords(directory).SnapshotNames.Order(StringComparer.Ordinal).Select(snapshot => new CompletionItem(
            snapshot, string.Create(CultureInfo.CurrentCulture, $"block snapshot of {name}, {File.GetLastWriteTime(Path.Combine(directory, ServiceRecords.PathOfSnapshot(snapshot))):g}")));
    }));

    public IReadOnlyList<CompletionItem> ExportNames(string? vm) => Quietly(() => Exports(vm)
        .SelectMany(pair => pair.Export.Disks.Select(disk => new CompletionItem(disk.ExportName, $"disk {disk.Name} of {pair.VM} at {pair.Export.Address}")))
        .DistinctBy(item => item.Text, StringComparer.Ordinal));

    public IReadOnlyList<CompletionItem> ExportAddresses(string? vm) => Quietly(() => Exports(vm)
        .GroupBy(pair => pair.Export.Address, StringComparer.Ordinal)
        .Select(group => new CompletionItem(group.Key, string.Join(", ", group.SelectMany(pair => pair.Export.Disks.Select(disk => $"{disk.Name} of {pair.VM} as {disk.ExportName}"))))));

    /// <param name="vm">The machine, or null for the branches of all.</param>
    /// <param name="elsewhere">Only those that the machine is not on.</param>
    public IReadOnlyList<CompletionItem> Branches(string? vm, bool elsewhere) => Quietly(() => Names(vm).SelectMany(name =>
    {
        var store = new MomentStore(catalogue.Place(name).StateDirectory);
        string active = store.ActiveBranch();
        return store.BranchNames().Where(branch => !elsewhere || branch != active).Select(branch => new CompletionItem(
            branch, branch == active ? $"branch of {name}, where it is now" : $"branch of {name}"));
    }));

    public IReadOnlyList<CompletionItem> Disks(string? vm) => Quietly(() => Names(vm)
        .SelectMany(name => catalogue.Load(catalogue.Place(name)).Disks.Select(disk => new CompletionItem(disk.Target, $"{Kind(disk)} of {name}: {disk.SourcePath}")))
        .DistinctBy(item => item.Text, StringComparer.Ordinal));

    public static IReadOnlyList<CompletionItem> Backups(string repository, string? vm) => Quietly(() => BackupCompletion.Items(repository, vm));

    private IEnumerable<(string VM, BlockExportRecord Export)> Exports(string? vm) =>
        Names(vm).SelectMany(name => new ServiceRecords(catalogue.Place(name).StateDirectory).Exports(_ => { }).Select(export => (name, export)));

    private IReadOnlyList<string> Names(string? vm) => vm is null ? catalogue.Names() : catalogue.Find(vm);

    private static string Kind(DomainDisk disk) => disk.Format is null ? disk.Device : $"{disk.Format} {disk.Device}";

    private static List<CompletionItem> Quietly(Func<IEnumerable<CompletionItem>> read)
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
