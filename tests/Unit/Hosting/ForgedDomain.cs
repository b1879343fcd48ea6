using System.Globalization;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Tests.Hosting;

/// <summary>A registered machine of which only the metadata are real: what a key press may read, with no image and no process behind it.</summary>
internal sealed class ForgedDomain
{
    public const long DiskSize = 64 << 20;

    private readonly DomainPlace _place;
    private DomainMoments _state = DomainMoments.Empty;
    private int _ids;
    private DateTimeOffset _time = new(2026, 11, 1, 12, 0, 0, TimeSpan.Zero);

    /// <param name="catalogue">Where it is registered.</param>
    /// <param name="name">Its name.</param>
    /// <param name="disks">Its disks.</param>
    /// <param name="monitor">The socket of a machine that somebody else started, or null.</param>
    public ForgedDomain(DomainCatalogue catalogue, string name, string[] disks, string? monitor = null)
    {
        Name = name;
        Disks = disks;
        var domain = DomainDocument.Parse($"""
            <domain type='qemu'>
              <name>{name}</name>
              <uuid>{Guid.NewGuid():D}</uuid>
              <memory unit='MiB'>64</memory>
              <vcpu>1</vcpu>
              <os><type arch='x86_64' machine='q35'>hvm</type></os>
              <devices>
                {string.Concat(disks.Select(disk => $"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/nosuch/{disk}.qcow2'/><target dev='{disk}' bus='virtio'/></disk>"))}
              </devices>
            </domain>
            """, "test");
        _place = catalogue.Add(monitor is null ? domain : domain.WithMonitor($"unix:{monitor}"));
        foreach (string disk in disks)
            _state = _state.With(_state.Disk(disk));
    }

    public string Name { get; }

    public IReadOnlyList<string> Disks { get; }

    public string Directory => _place.StateDirectory;

    /// <summary>A checkpoint of some disks, or of all.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="lost">Why what was written since the moment before is not known; null: it is.</param>
    /// <param name="description">The user's words.</param>
    /// <param name="disks">The disks.</param>
    public ForgedDomain Checkpoint(string name, string? lost = null, string? description = null, params string[] disks)
    {
        var key = new MomentKey(MomentKind.Checkpoint, name);
        string[] covered = disks.Length == 0 ? [.. Disks] : disks;
        DomainMoments next = Stored(key, new CheckpointDocument { Name = name, Description = description, Disks = [.. covered.Select(disk => new CheckpointDisk(disk, CheckpointMode.Bitmap, name))] });
        foreach (string disk in covered)
            next = next.With(next.Disk(disk).Checkpoint(key, ActiveLayer(next.Disk(disk)), DiskSize, Closed(lost), name, Id("p"), Id("t")));
        _state = next;
        return this;
    }

    /// <summary>An external snapshot of all disks: a new layer on each.</summary>
    public ForgedDomain Snapshot(string name)
    {
        var key = new MomentKey(MomentKind.Snapshot, name);
        DomainMoments next = Stored(key, new SnapshotDocument { Name = name, State = "shutoff", Disks = [.. Disks.Select(disk => new SnapshotDisk(disk, SnapshotMode.External))] });
        foreach (string disk in Disks)
        {
            DiskTracking tracking = next.Disk(disk);
            next = next.With(tracking.Freeze(
                key, ActiveLayer(tracking), new TrackingLayer(Id("l"), $"/nosuch/{disk}.{_ids}.qcow2", null), DiskSize, Closed(null), Id("mt-"), Id("p"), Id("t")));
        }

        _state = next;
        return this;
    }

    /// <summary>A snapshot inside the images, of which only its document is known.</summary>
    public ForgedDomain Internal(string name)
    {
        _state = Stored(new MomentKey(MomentKind.Snapshot, name), new SnapshotDocument { Name = name, State = "running", Disks = [.. Disks.Select(disk => new SnapshotDisk(disk, SnapshotMode.Internal))] });
        return this;
    }

    /// <summary>Very many checkpoints, one below the other.</summary>
    public ForgedDomain Checkpoints(int count)
    {
        var moments = new Dictionary<MomentKey, StoredMoment>();
        var points = Disks.ToDictionary(disk => disk, _ => new Dictionary<string, TrackingPoint>(StringComparer.Ordinal), StringComparer.Ordinal);
        MomentKey? above = null;
        for (int number = 0; number < count; number++)
        {
            var key = new MomentKey(MomentKind.Checkpoint, string.Create(CultureInfo.InvariantCulture, $"c{number:D5}"));
            var document = new CheckpointDocument { Name = key.Name, ParentName = above?.Name, Disks = [.. Disks.Select(disk => new CheckpointDisk(disk, CheckpointMode.Bitmap, key.Name))] };
            moments.Add(key, new StoredMoment(key, $"i{number}", document, above, _time.AddMinutes(number), null));
            foreach (string disk in Disks)
                points[disk].Add($"{disk}{number}", new TrackingPoint($"{disk}{number}", number == 0 ? null : $"{disk}{number - 1}", number == 0 ? [] : Closed(null), DiskSize, DiskSize, "base" + disk, Flushed: true, key));
            above = key;
        }

        _state = _state with
        {
            Moments = moments,
            Disks = Disks.ToDictionary(disk => disk, disk =>
            {
                var layer = new TrackingLayer("base" + disk, $"/nosuch/{disk}.qcow2", null);
                points[disk].Add("tip" + disk, new TrackingPoint("tip" + disk, $"{disk}{count - 1}", [new SegmentSource.Bitmap(layer.Id, above!.Name, null)], DiskSize, DiskSize, layer.Id, Flushed: false, null));
                return new DiskTracking
                {
                    Disk = disk,
                    Points = points[disk],
                    Layers = new Dictionary<string, TrackingLayer>(StringComparer.Ordinal) { [layer.Id] = layer },
                    Tips = new Dictionary<string, TrackingTip>(StringComparer.Ordinal) { [DiskTracking.MainBranch] = new TrackingTip("tip" + disk, layer.Id, above!.Name) },
                };
            }, StringComparer.Ordinal),
        };
        return this;
    }

    /// <summary>A branch beside the active one, which begins at a snapshot.</summary>
    public ForgedDomain Branch(string name, string from)
    {
        _state = _state.With(new Branch(name) { Start = new MomentKey(MomentKind.Snapshot, from), Created = _time });
        return this;
    }

    /// <summary>Writes all of it as the module does.</summary>
    public ForgedDomain Save()
    {
        foreach ((string path, string? content) in new MomentStore(Directory).Difference(DomainMoments.Empty, _state).Files)
        {
            string file = Path.Combine(Directory, path);
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, content);
        }

        return this;
    }

    private DomainMoments Stored(MomentKey key, MomentDocument document)
    {
        _time = _time.AddHours(1);
        MomentKey? parent = _state.Moments.Keys.LastOrDefault();
        return _state.With(new StoredMoment(key, Id("m"), document with { ParentName = parent?.Name }, parent, _time, null));
    }

    private static TrackingLayer ActiveLayer(DiskTracking tracking) =>
        tracking.ActiveTip is { } tip ? tracking.Layers[tip.LayerId] : new TrackingLayer("base" + tracking.Disk, $"/nosuch/{tracking.Disk}.qcow2", null);

    private SegmentSource[] Closed(string? lost) => lost is null ? [new SegmentSource.Sidecar(Id("s"))] : [new SegmentSource.Lost(lost)];

    private string Id(string prefix) => prefix + (++_ids).ToString(CultureInfo.InvariantCulture);
}
