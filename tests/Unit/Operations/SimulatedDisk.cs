using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Qmp;
using MomentTools.Tests.Moments;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

/// <summary>
/// The bitmaps of one disk as QEMU keeps them, with what each has recorded, so that pure plans can be carried out and their outcome be
/// held against what was written. An action that QEMU would refuse fails the test.
/// </summary>
internal sealed class SimulatedDisk
{
    public const string Node = "mt-vda";
    public const string Image = "/images/vda.qcow2";
    public const long Size = 64 * TrackingProof.Granularity;

    private readonly Dictionary<string, HashSet<int>> _bits = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ObservedBitmap> _bitmaps = new(StringComparer.Ordinal);

    public DomainMoments State { get; private set; } = DomainMoments.Empty;

    public DiskTracking Tracking => State.Disk("vda");

    public ObservedLayer Seen => new(Image, Size, new Dictionary<string, ObservedBitmap>(_bitmaps, StringComparer.Ordinal));

    public static SessionDisk Session => new("vda", Node, Image, "qcow2", Size, null, []);

    /// <summary>A disk with these checkpoints in a row, of which the one with index n had block n written after it.</summary>
    public static SimulatedDisk WithLine(bool sidecars, params string[] names)
    {
        var disk = new SimulatedDisk();
        for (int index = 0; index < names.Length; index++)
        {
            disk.Checkpoint(names[index], sidecars ? "side" + names[index] : null);
            disk.Write(index);
        }

        return disk;
    }

    public static StoredMoment Moment(string name) => new(
        Sample.Checkpoint(name), "id" + name,
        new CheckpointDocument { Name = name, Disks = [new CheckpointDisk("vda", CheckpointMode.Bitmap, name)], DisksGiven = true }, null, Sample.Start, null);

    public CheckpointPlan Checkpoint(string name, string? sidecar)
    {
        CheckpointPlan plan = CheckpointPlan.Make(State, Moment(name), "op" + name, sidecar!, [Session], new Dictionary<string, ObservedLayer>(StringComparer.Ordinal) { ["vda"] = Seen });
        foreach (CheckpointStep step in plan.Steps)
        {
            Run(step.Actions());
            if (step.Copy is not null)
                Run([TransactionAction.BitmapRemove(Node, step.Copy)]);
        }

        State = plan.Next;
        return plan;
    }

    public void Write(int block)
    {
        foreach (ObservedBitmap bitmap in _bitmaps.Values.Where(bitmap => bitmap.Recording))
            _bits[bitmap.Name].Add(block);
    }

    public void Lose(string bitmap) => _bitmaps.Remove(bitmap);

    public void Change(string bitmap, Func<ObservedBitmap, ObservedBitmap> change) => _bitmaps[bitmap] = change(_bitmaps[bitmap]);

    public void Adopt(DiskTracking next) => State = State.With(next);

    public HashSet<int> Bits(string bitmap) => _bits[bitmap];

    public void Run(IEnumerable<TransactionAction> actions)
    {
        foreach (TransactionAction action in actions)
        {
            Assert.Equal(Node, (string?)action.Data["node"]);
            string name = (string)(action.Data["name"] ?? action.Data["target"])!;
            switch (action.Type)
            {
                case "block-dirty-bitmap-add":
                    _bitmaps.Add(name, new ObservedBitmap(name, (long)action.Data["granularity"]!, !Flag(action, "disabled"), false, Flag(action, "persistent"), false, null));
                    _bits[name] = [];
                    break;
                case "block-dirty-bitmap-remove":
                    Assert.True(_bitmaps.Remove(name), $"there is no bitmap {name} to remove");
                    break;
                case "block-dirty-bitmap-enable" or "block-dirty-bitmap-disable":
                    Assert.False(_bitmaps[name].Inconsistent);
                    Change(name, bitmap => bitmap with { Recording = action.Type.EndsWith("enable", StringComparison.Ordinal) });
                    break;
                case "block-dirty-bitmap-merge":
                    foreach (JsonNode? source in action.Data["bitmaps"]!.AsArray())
                    {
                        ObservedBitmap merged = _bitmaps[(string)source!["name"]!];
                        Assert.False(merged.Inconsistent || _bitmaps[name].Inconsistent);
                        _bits[name].UnionWith(_bits[merged.Name]);
                    }

                    break;
                default:
                    Assert.Fail($"The action {action.Type} is not simulated.");
                    break;
            }
        }
    }

    private static bool Flag(TransactionAction action, string name) => (bool?)action.Data[name] ?? false;
}
