using System.Globalization;
using System.Xml.Linq;

namespace MomentTools.Tests.Operations;

/// <summary>
/// What the moments of a machine must look like, in lists and dictionaries: the order of their making, per moment its kind and its parent.
/// Held against what the engine lists, what its files say, and what is in the images.
/// </summary>
internal sealed class StoryModel(TestMachine machine, IReadOnlyList<StoryDisk> disks)
{
    private const string Checkpoints = "checkpoints", Snapshots = "snapshots";

    // In the order of creation.
    private readonly List<string> _order = [];
    private readonly Dictionary<string, string?> _parents = new(StringComparer.Ordinal);
    // Whether each snapshot is inside the images; what is not here is a checkpoint.
    private readonly Dictionary<string, bool> _snapshots = new(StringComparer.Ordinal);

    /// <summary>The snapshots, and whether each is inside the images.</summary>
    public IReadOnlyDictionary<string, bool> Inside => _snapshots;

    /// <summary>A moment that the disks have kept already.</summary>
    /// <param name="inside">Of a snapshot: whether it is inside the images; null of a checkpoint.</param>
    public void Take(string name, bool? inside = null)
    {
        string[] current = [.. disks.Where(disk => disk.Moments.ContainsKey(name)).Select(disk => disk.CurrentOf(disk.Moments[name])).OfType<string>()];
        _parents[name] = current.MaxBy(_order.IndexOf);
        _order.Add(name);
        if (inside is { } where)
            _snapshots[name] = where;
    }

    /// <summary>Removes a moment, or its descendants, or both; gives what is gone.</summary>
    public IReadOnlyList<string> Remove(string name, bool descendants, bool descendantsOnly)
    {
        List<string> gone = descendantsOnly ? [] : [name];
        if (descendants || descendantsOnly)
            gone.AddRange(_order.Where(other => IsBelow(other, name)));
        foreach (string removed in gone)
        {
            foreach (string child in _order.Where(other => _parents[other] == removed).ToList())
                _parents[child] = _parents[removed];
            _order.Remove(removed);
            _parents.Remove(removed);
            _snapshots.Remove(removed);
        }

        return gone;
    }

    /// <summary>All of it as it is now.</summary>
    public (string[] Order, KeyValuePair<string, string?>[] Parents, KeyValuePair<string, bool>[] Snapshots) Remember() => ([.. _order], [.. _parents], [.. _snapshots]);

    /// <summary>Whether no moment came or went since, but for those that are gone.</summary>
    public bool IsStill((string[] Order, KeyValuePair<string, string?>[] Parents, KeyValuePair<string, bool>[] Snapshots) before, IReadOnlyCollection<string> gone) =>
        before.Order.Except(gone).SequenceEqual(_order);

    public void Recall((string[] Order, KeyValuePair<string, string?>[] Parents, KeyValuePair<string, bool>[] Snapshots) before)
    {
        _order.Clear();
        _order.AddRange(before.Order);
        foreach ((string name, string? parent) in before.Parents)
            _parents[name] = parent;
        foreach ((string name, bool inside) in before.Snapshots)
            _snapshots[name] = inside;
    }

    public async Task CheckAsync(bool bitmapsToo)
    {
        foreach (VMMoment moment in await machine.MomentsAsync())
        {
            Assert.True(_parents[moment.Name] == moment.Parent, $"the parent of '{moment.Name}' is '{_parents[moment.Name]}', not '{moment.Parent}'");
            bool snapshot = _snapshots.ContainsKey(moment.Name);
            Assert.Equal(snapshot, moment is VMSnapshot);
            XDocument file = XDocument.Load(Path.Combine(machine.StateDirectory, snapshot ? Snapshots : Checkpoints, moment.Name + ".xml"));
            Assert.Equal(moment.Name, file.Root!.Element("name")!.Value);
            Assert.Equal(_parents[moment.Name], file.Root.Element("parent")?.Element("name")!.Value);
            Assert.Equal(
                disks.Where(disk => disk.Moments.ContainsKey(moment.Name)).Select(disk => disk.Name),
                file.Root.Element("disks")!.Elements("disk").Where(disk => snapshot ? disk.Attribute("snapshot")?.Value != "no" : disk.Attribute("checkpoint")?.Value == "bitmap").Select(disk => disk.Attribute("name")!.Value));
        }

        CheckFolder(Checkpoints, _order.Where(name => !_snapshots.ContainsKey(name)));
        CheckFolder(Snapshots, _snapshots.Keys);
        if (bitmapsToo)
            await CheckBitmapsAsync();
    }

    private void CheckFolder(string kind, IEnumerable<string> expected)
    {
        var folder = new DirectoryInfo(Path.Combine(machine.StateDirectory, kind));
        Assert.Equal(expected.Order(StringComparer.Ordinal), folder.Exists ? folder.EnumerateFiles("*.xml").Select(file => Path.GetFileNameWithoutExtension(file.Name)).Order(StringComparer.Ordinal) : []);
    }

    // Where there are no layers: one bitmap a moment, of its name, of which the newest records; and one mark, as long as there is a moment.
    private async Task CheckBitmapsAsync()
    {
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        foreach (StoryDisk disk in disks)
        {
            string[] line = [.. _order.Where(disk.Moments.ContainsKey)];
            VMBitmap[] own = [.. bitmaps.Where(bitmap => bitmap.Disk == disk.Name)];
            VMBitmap[] marks = [.. own.Where(bitmap => bitmap.Name.StartsWith("mt-tip-", StringComparison.Ordinal))];
            Assert.Equal(line.Length > 0 ? 1 : 0, marks.Length);
            Assert.Equal(line.Order(StringComparer.Ordinal), own.Except(marks).Select(bitmap => bitmap.Name).Order(StringComparer.Ordinal));
            foreach (VMBitmap bitmap in own.Except(marks))
                Assert.True(
                    (bitmap.State == VMBitmapState.Recording) == (bitmap.Name == line[^1]),
                    string.Create(CultureInfo.InvariantCulture, $"'{bitmap.Name}' of {disk.Name} is {bitmap.State}, the newest moment is '{line[^1]}'"));
        }
    }

    private bool IsBelow(string moment, string above)
    {
        for (string? parent = _parents[moment]; parent is not null; parent = _parents[parent])
            if (parent == above)
                return true;
        return false;
    }
}
