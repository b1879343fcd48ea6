using System.Globalization;
using System.Xml.Linq;

namespace MomentTools.Tests.Operations;

/// <summary>
/// What the moments of a machine must look like, in lists and dictionaries: per disk the moments in their order, per moment its parent.
/// Held against what the engine lists, what its files say, and what is in the images.
/// </summary>
internal sealed class StoryModel(TestMachine machine, IReadOnlyList<string> disks)
{
    // In the order of creation.
    private readonly List<string> _order = [];
    private readonly Dictionary<string, string?> _parents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _lines = disks.ToDictionary(disk => disk, _ => new List<string>(), StringComparer.Ordinal);

    public void Take(string name, IReadOnlyList<string> covered)
    {
        string[] current = [.. covered.Where(disk => _lines[disk].Count > 0).Select(disk => _lines[disk][^1])];
        _parents[name] = current.MaxBy(_order.IndexOf);
        _order.Add(name);
        foreach (string disk in covered)
            _lines[disk].Add(name);
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
            foreach (List<string> line in _lines.Values)
                line.Remove(removed);
        }

        return gone;
    }

    public async Task CheckAsync(bool bitmapsToo)
    {
        foreach (VMMoment moment in await machine.MomentsAsync())
        {
            Assert.Equal(_parents[moment.Name], moment.Parent);
            XDocument file = XDocument.Load(Path.Combine(machine.StateDirectory, "checkpoints", moment.Name + ".xml"));
            Assert.Equal(moment.Name, file.Root!.Element("name")!.Value);
            Assert.Equal(_parents[moment.Name], file.Root.Element("parent")?.Element("name")!.Value);
            Assert.Equal(
                disks.Where(disk => _lines[disk].Contains(moment.Name)),
                file.Root.Element("disks")!.Elements("disk").Where(disk => disk.Attribute("checkpoint")?.Value == "bitmap").Select(disk => disk.Attribute("name")!.Value));
        }

        var folder = new DirectoryInfo(Path.Combine(machine.StateDirectory, "checkpoints"));
        Assert.Equal(_order.Order(StringComparer.Ordinal), folder.Exists ? folder.EnumerateFiles("*.xml").Select(file => Path.GetFileNameWithoutExtension(file.Name)).Order(StringComparer.Ordinal) : []);
        if (bitmapsToo)
            await CheckBitmapsAsync();
    }

    // One bitmap a moment, of its name, of which the newest records; and one mark, as long as there is a moment.
    private async Task CheckBitmapsAsync()
    {
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        foreach ((string disk, List<string> line) in _lines)
        {
            VMBitmap[] own = [.. bitmaps.Where(bitmap => bitmap.Disk == disk)];
            VMBitmap[] marks = [.. own.Where(bitmap => bitmap.Name.StartsWith("mt-tip-", StringComparison.Ordinal))];
            Assert.Equal(line.Count > 0 ? 1 : 0, marks.Length);
            Assert.Equal(line.Order(StringComparer.Ordinal), own.Except(marks).Select(bitmap => bitmap.Name).Order(StringComparer.Ordinal));
            foreach (VMBitmap bitmap in own.Except(marks))
                Assert.True(
                    (bitmap.State == VMBitmapState.Recording) == (bitmap.Name == line[^1]),
                    string.Create(CultureInfo.InvariantCulture, $"'{bitmap.Name}' of {disk} is {bitmap.State}, the newest moment is '{line[^1]}'"));
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
