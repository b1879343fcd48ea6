using System.Globalization;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Bench.Benches;

/// <summary>What one press of the Tab key takes among 10,000 checkpoints, beside 5,000: what is linear takes twice as long.</summary>
/// <param name="since">Whether only those are offered that now can be compared with, which asks for all that is recorded; else the names.</param>
internal sealed class CompletionScale(bool since) : IBench
{
    private const int Many = 10_000;
    private const string Machine = "web1";
    private const long DiskSize = 64L << 30;

    private static readonly CompletionQuery Query = new() { VM = [Machine] };

    private MomentEngine? _whole, _half;

    public string Subject => since ? $"completion of -Since among {Many} checkpoints beside half of them" : $"completion of -Name among {Many} checkpoints beside half of them";

    public string OurWay => $"{Many} checkpoints";

    public string TheirWay => $"{Many / 2} checkpoints: linear is 2.0";

    public Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        _whole = Make(Path.Combine(scratch, "whole"), Many);
        _half = Make(Path.Combine(scratch, "half"), Many / 2);
        return Task.FromResult<string?>(null);
    }

    public Task OursAsync(CancellationToken cancellation) => Offer(_whole!, Many);

    public Task TheirsAsync(CancellationToken cancellation) => Offer(_half!, Many / 2);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task Offer(MomentEngine engine, int count)
    {
        IReadOnlyList<CompletionItem> offered = since ? engine.CompleteComparableMoments(Query, null, now: true) : engine.CompleteMoments(Query);
        return offered.Count == count ? Task.CompletedTask : throw new InvalidOperationException($"{offered.Count} moments were offered, not {count}.");
    }

    private static MomentEngine Make(string root, int count)
    {
        string run = Path.Combine(root, "run");
        DomainPlace place = new DomainCatalogue(root, run).Add(DomainDocument.Parse($"""
            <domain type='qemu'>
              <name>{Machine}</name>
              <uuid>6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11</uuid>
              <memory unit='MiB'>64</memory>
              <os><type arch='x86_64'>hvm</type></os>
              <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/nosuch/vda.qcow2'/><target dev='vda' bus='virtio'/></disk></devices>
            </domain>
            """, "bench"));
        foreach ((string path, string? content) in new MomentStore(place.StateDirectory).Difference(DomainMoments.Empty, Moments(count)).Files)
        {
            string file = Path.Combine(place.StateDirectory, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, content);
        }

        return new MomentEngine(new MomentEngineOptions { StateRoot = root, RuntimeRoot = run });
    }

    private static DomainMoments Moments(int count)
    {
        var layer = new TrackingLayer("base", "/nosuch/vda.qcow2", null);
        var moments = new Dictionary<MomentKey, StoredMoment>();
        var points = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal);
        string? above = null;
        for (int number = 0; number < count; number++)
        {
            var key = new MomentKey(MomentKind.Checkpoint, string.Create(CultureInfo.InvariantCulture, $"c{number}"));
            var document = new CheckpointDocument { Name = key.Name, ParentName = above, Disks = [new CheckpointDisk("vda", CheckpointMode.Bitmap, key.Name)] };
            moments.Add(key, new StoredMoment(key, $"i{number}", document, above is null ? null : new MomentKey(MomentKind.Checkpoint, above), DateTimeOffset.FromUnixTimeSeconds(number), null));
            points.Add($"p{number}", new TrackingPoint($"p{number}", number == 0 ? null : $"p{number - 1}", [new SegmentSource.Sidecar($"s{number}")], DiskSize, DiskSize, layer.Id, Flushed: true, key));
            above = key.Name;
        }

        points.Add("tip", new TrackingPoint("tip", $"p{count - 1}", [new SegmentSource.Bitmap(layer.Id, above!, null)], DiskSize, DiskSize, layer.Id, Flushed: false, null));
        return DomainMoments.Empty with
        {
            Moments = moments,
            Disks = new Dictionary<string, DiskTracking>(StringComparer.Ordinal)
            {
                ["vda"] = new DiskTracking
                {
                    Disk = "vda",
                    Points = points,
                    Layers = new Dictionary<string, TrackingLayer>(StringComparer.Ordinal) { [layer.Id] = layer },
                    Tips = new Dictionary<string, TrackingTip>(StringComparer.Ordinal) { [DiskTracking.MainBranch] = new TrackingTip("tip", layer.Id, above!) },
                },
            },
        };
    }
}
