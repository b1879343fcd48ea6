using System.Globalization;
using System.Text.Json.Nodes;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Health;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Health;

/// <summary>Every kind of drift. Test-VMMoment must name each, once and by its own id; Repair-VMMoment must mend each.</summary>
internal static class Drifts
{
    private const string Loss = "Error", Harm = "Warning", Note = "Information";

    public static IReadOnlyList<Drift> All { get; } = [.. OfBitmaps(), .. OfCrashes(), .. OfImages(), .. OfLayers(), .. OfFiles(), .. OfTrees(), .. OfRunningMachines(), .. BranchDrifts.All];

    public static Drift Find(string name) => All.Single(drift => drift.Name == name);

    private static IEnumerable<Drift> OfBitmaps() =>
    [
        new("closed bitmap removed", FindingIds.BitmapMissing, machine => DriftMachine.BitmapAsync(machine, "vda", "a", "--remove")) { Disk = "vda", Moment = "a", Severity = Note },
        new("recording bitmap removed", FindingIds.BitmapMissing, machine => DriftMachine.BitmapAsync(machine, "vda", "c", "--remove")) { Disk = "vda", Moment = "c", Severity = Loss },
        new("all bitmaps removed", FindingIds.BitmapMissing, RemoveAllAsync) { Disk = "vda", Severity = Loss },
        new("foreign bitmap", FindingIds.BitmapForeign, machine => DriftMachine.BitmapAsync(machine, "vda", "stray", "--add")) { Disk = "vda", Severity = Note },
        new("bitmap of ours that nothing refers to", FindingIds.BitmapLeftover, machine => DriftMachine.BitmapAsync(machine, "vda", "mt-1234", "--add", "--disable")) { Disk = "vda", Severity = Note },
        new("same name already there", FindingIds.BitmapNameTaken, machine => DriftMachine.BitmapAsync(machine, "vdb", "c", "--add")) { Disk = "vdb", Moment = "c", Severity = Harm },
        new("recording bitmap switched off", FindingIds.BitmapNotRecording, machine => DriftMachine.BitmapAsync(machine, "vda", "c", "--disable")) { Disk = "vda", Moment = "c", Severity = Loss },
        new("closed bitmap switched on", FindingIds.BitmapRecording, machine => DriftMachine.BitmapAsync(machine, "vda", "a", "--enable")) { Disk = "vda", Moment = "a", Severity = Note },
        new("granularity of a closed bitmap changed", FindingIds.BitmapGranularity, machine => RemakeAsync(machine, "a", "--add", "--disable", "-g", "131072")) { Disk = "vda", Moment = "a", Severity = Note },
        new("granularity of the recording bitmap changed", FindingIds.BitmapGranularity, machine => RemakeAsync(machine, "c", "--add", "-g", "131072")) { Disk = "vda", Moment = "c", Severity = Loss },
    ];

    private static IEnumerable<Drift> OfCrashes() =>
    [
        new("QEMU killed", FindingIds.BitmapInconsistent, KillAsync) { MachineAsync = DriftMachine.WithOneDiskAsync, Disk = "vda", Severity = Loss },
        new("QEMU killed and started again", FindingIds.BitmapInconsistent, async machine =>
        {
            await KillAsync(machine);
            await machine.StartAsync();
        }) { MachineAsync = DriftMachine.WithOneDiskAsync, Disk = "vda", Severity = Loss },
        new("QEMU killed before it stored a bitmap", FindingIds.BitmapMissing, async machine =>
        {
            await machine.StartAsync();
            await machine.CheckpointAsync("a");
            await machine.WriteAsync("vda", 1, 0, DriftMachine.Grain);
            await machine.CheckpointAsync("b");
            await machine.KillMachineAsync();
        }) { MachineAsync = DriftMachine.FreshAsync, Disk = "vda", Severity = Loss },
        new("operation interrupted", FindingIds.OperationPending, machine =>
        {
            Journal.Begin(machine.StateDirectory, "0123456789ab", CheckpointCreation.Operation, new JsonObject { ["name"] = "d", ["steps"] = new JsonArray() }, null).Dispose();
            return Task.CompletedTask;
        }) { Severity = Harm },
    ];

    private static IEnumerable<Drift> OfImages() =>
    [
        new("disk made larger while stopped", FindingIds.DiskResized, machine => ResizeAsync(machine, "+1M")) { Disk = "vda", Severity = Harm },
        new("disk made smaller while stopped", FindingIds.DiskResized, machine => ResizeAsync(machine, "--shrink", "-1M")) { Disk = "vda", Severity = Harm },
        new("image gone", FindingIds.DiskMissing, machine => MoveAsync(machine.DiskPath("vda"), machine.DiskPath("away"))) { Disk = "vda", Severity = Loss, KeepsDisks = false },
        new("another image in its place", FindingIds.ImageReplaced, machine =>
        {
            string other = machine.DiskPath("other");
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
            return MoveAsync(other, machine.DiskPath("vda"));
        }) { Disk = "vda", Severity = Loss },
        new("older copy in its place", FindingIds.ImageReplaced, async machine =>
        {
            string copy = machine.DiskPath("copy");
            File.Copy(machine.DiskPath("vdb"), copy);
            await machine.CheckpointAsync("d", "vdb");
            File.Copy(copy, machine.DiskPath("vdb"), overwrite: true);
            File.Delete(copy);
        }) { Disk = "vdb", Severity = Loss },
        new("image no qcow2 any more", FindingIds.ImageUnreadable, machine => File.WriteAllTextAsync(machine.DiskPath("vda"), "not an image")) { Disk = "vda", Severity = Loss, KeepsDisks = false },
        new("image corrupt", FindingIds.ImageCorrupt, machine => DriftMachine.HeaderAsync(machine, "vda", 79, value => value | 2)) { Disk = "vda", Severity = Loss, KeepsDisks = false },
        new("written by a program that knows no bitmaps", FindingIds.BitmapsDiscarded, machine => DriftMachine.HeaderAsync(machine, "vda", 95, value => value & ~1)) { Disk = "vda", Severity = Loss },
        new("another image in the definition", FindingIds.DiskChanged, machine =>
        {
            File.Copy(machine.DiskPath("vda"), machine.DiskPath("vda2"));
            return DriftMachine.EditAsync(machine, "domain.xml", "vda\\.qcow2", "vda2.qcow2");
        }) { Disk = "vda", Severity = Loss },
    ];

    private static IEnumerable<Drift> OfLayers() =>
    [
        new("layer committed by hand", FindingIds.LayerChanged, machine =>
        {
            Tool.Run("qemu-img", "commit", "-q", machine.DiskPath("vda"));
            return Task.CompletedTask;
        }) { MachineAsync = DriftMachine.OnBaseAsync, Disk = "vda", Severity = Loss },
        new("layer rebased by hand", FindingIds.LayerChanged, machine =>
        {
            string other = machine.DiskPath("base2");
            File.Copy(DriftMachine.BaseOf(machine), other);
            Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", other, "-F", "qcow2", machine.DiskPath("vda"));
            return Task.CompletedTask;
        }) { MachineAsync = DriftMachine.OnBaseAsync, Disk = "vda", Severity = Loss },
        new("layer written to by hand", FindingIds.LayerChanged, machine =>
        {
            Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 7 2M 64k", DriftMachine.BaseOf(machine));
            return Task.CompletedTask;
        }) { MachineAsync = DriftMachine.OnBaseAsync, Disk = "vda", Severity = Loss },
        new("layer gone", FindingIds.LayerMissing, machine => MoveAsync(DriftMachine.BaseOf(machine), machine.DiskPath("away"))) { MachineAsync = DriftMachine.OnBaseAsync, Disk = "vda", Severity = Loss, KeepsDisks = false },
    ];

    private static IEnumerable<Drift> OfFiles() =>
    [
        new("moment's file truncated", FindingIds.MomentFileInvalid, machine =>
        {
            using FileStream file = File.Open(DriftMachine.FileOf(machine, "b"), FileMode.Open);
            file.SetLength(file.Length / 2);
            return Task.CompletedTask;
        }) { Moment = "b", Severity = Loss },
        new("moment's file a copy of another", FindingIds.MomentFileInvalid, machine =>
        {
            File.Copy(DriftMachine.FileOf(machine, "b"), DriftMachine.FileOf(machine, "copy"));
            return Task.CompletedTask;
        }) { Moment = "copy", Severity = Loss },
        new("moment's file unreadable", FindingIds.MomentFileUnreadable, machine =>
        {
            // A mode would not keep root out; a link that leads nowhere keeps everybody out.
            File.Delete(DriftMachine.FileOf(machine, "b"));
            File.CreateSymbolicLink(DriftMachine.FileOf(machine, "b"), Path.Combine(machine.Scratch, "nowhere"));
            return Task.CompletedTask;
        }) { Moment = "b", Severity = Loss },
        new("moment's file a directory", FindingIds.MomentFileUnreadable, machine =>
        {
            File.Delete(DriftMachine.FileOf(machine, "b"));
            Directory.CreateDirectory(DriftMachine.FileOf(machine, "b"));
            return Task.CompletedTask;
        }) { Moment = "b", Severity = Loss },
        new("moment's file 2 GiB large", FindingIds.MomentFileTooLarge, machine =>
        {
            using FileStream file = File.Open(DriftMachine.FileOf(machine, "b"), FileMode.Open);
            file.SetLength(2L << 30);
            return Task.CompletedTask;
        }) { Moment = "b", Severity = Loss },
        new("tracking file truncated", FindingIds.TrackingInvalid, machine =>
        {
            using FileStream file = File.Open(Path.Combine(machine.StateDirectory, "disks.xml"), FileMode.Open);
            file.SetLength(file.Length / 2);
            return Task.CompletedTask;
        }) { Severity = Loss },
        new("saved segment damaged", FindingIds.SidecarUnreadable, machine =>
        {
            string path = FirstSegment(machine);
            byte[] bytes = File.ReadAllBytes(path);
            bytes[^1] ^= 1;
            File.WriteAllBytes(path, bytes);
            return Task.CompletedTask;
        }) { MachineAsync = DriftMachine.WithOneDiskAsync, Disk = "vda", Moment = "a", Severity = Harm },
        new("saved segment gone", FindingIds.SidecarUnreadable, machine =>
        {
            string path = FirstSegment(machine);
            File.Delete(path);
            return Task.CompletedTask;
        }) { MachineAsync = DriftMachine.WithOneDiskAsync, Disk = "vda", Moment = "a", Severity = Harm },
    ];

    private static IEnumerable<Drift> OfTrees() =>
    [
        new("file of a middle moment gone", FindingIds.ParentMissing, machine => DeleteAsync(DriftMachine.FileOf(machine, "b"))) { Moment = "c", Severity = Loss },
        new("file of the last moment gone", FindingIds.ParentMissing, machine => DeleteAsync(DriftMachine.FileOf(machine, "c"))) { Disk = "vda", Severity = Loss },
        new("parent that does not exist", FindingIds.ParentMissing, machine => DriftMachine.EditAsync(machine, "checkpoints/b.xml", "<parent>.*?</parent>", "<parent><name>nosuch</name></parent>")) { Moment = "b", Severity = Loss },
        new("parents in a circle", FindingIds.ParentCycle, machine => DriftMachine.EditAsync(machine, "checkpoints/a.xml", "(<name>a</name>)", "$1<parent><name>c</name></parent>")) { Moment = "a", Severity = Loss },
        new("points in a circle", FindingIds.ParentCycle, PointsInACircleAsync) { Disk = "vda", Moment = "b", Severity = Loss },
        new("two entries for the present state", FindingIds.CurrentAmbiguous, machine => DriftMachine.EditAsync(machine, "branches/main.xml", "(<([\\w:]*)disk name=\"vda\".*?</\\2disk>)", "$1$1")) { Disk = "vda", Severity = Loss },
        new("two files for the present state", FindingIds.CurrentAmbiguous, machine =>
        {
            File.Copy(Path.Combine(machine.StateDirectory, "branches", "main.xml"), Path.Combine(machine.StateDirectory, "branches", "copy.xml"));
            return Task.CompletedTask;
        }) { Severity = Loss },
        new("moment of another UUID", FindingIds.UuidMismatch, machine => DriftMachine.EditAsync(machine, "checkpoints/b.xml", "6f1b2a6e", "7f1b2a6e")) { Moment = "b", Severity = Harm },
        new("moment from the future", FindingIds.CreatedInFuture, async machine =>
        {
            DateTimeOffset then = DateTimeOffset.UtcNow.AddYears(2);
            await DriftMachine.EditAsync(machine, "checkpoints/b.xml", "<creationTime>\\d+", string.Create(CultureInfo.InvariantCulture, $"<creationTime>{then.ToUnixTimeSeconds()}"));
            await DriftMachine.EditAsync(machine, "checkpoints/b.xml", "created=\"[^\"]+\"", string.Create(CultureInfo.InvariantCulture, $"created=\"{then:O}\""));
        }) { Moment = "b", Severity = Harm },
    ];

    private static IEnumerable<Drift> OfRunningMachines() =>
    [
        new("closed bitmap removed while running", FindingIds.BitmapMissing, machine => LiveAsync(machine, "block-dirty-bitmap-remove", "a")) { Disk = "vda", Moment = "a", Severity = Note },
        new("recording bitmap switched off while running", FindingIds.BitmapNotRecording, machine => LiveAsync(machine, "block-dirty-bitmap-disable", "c")) { Disk = "vda", Moment = "c", Severity = Loss },
        new("closed bitmap switched on while running", FindingIds.BitmapRecording, machine => LiveAsync(machine, "block-dirty-bitmap-enable", "a")) { Disk = "vda", Moment = "a", Severity = Note },
        new("foreign bitmap while running", FindingIds.BitmapForeign, machine => LiveAsync(machine, "block-dirty-bitmap-add", "stray")) { Disk = "vda", Severity = Note },
        new("recording bitmap made anew for the time of QEMU alone", FindingIds.BitmapTemporary, async machine =>
        {
            await LiveAsync(machine, "block-dirty-bitmap-remove", "c");
            await DriftMachine.QmpAsync(machine, "block-dirty-bitmap-add", new { node = "mt-vda", name = "c", granularity = DriftMachine.Grain });
        }) { Disk = "vda", Moment = "c", Severity = Loss },
        new("file replaced under the running machine", FindingIds.ImageReplaced, async machine =>
        {
            File.Copy(machine.DiskPath("vda"), machine.DiskPath("copy"));
            await machine.StartAsync();
            await MoveAsync(machine.DiskPath("copy"), machine.DiskPath("vda"));
        }) { Disk = "vda", Severity = Loss },
    ];

    private static async Task LiveAsync(TestMachine machine, string command, string bitmap)
    {
        await machine.StartAsync();
        await DriftMachine.QmpAsync(machine, command, new { node = "mt-vda", name = bitmap });
    }

    private static async Task KillAsync(TestMachine machine)
    {
        await machine.StartAsync();
        await machine.WriteAsync("vda", 5, 16 * DriftMachine.Grain, DriftMachine.Grain);
        await machine.KillMachineAsync();
    }

    private static async Task RemakeAsync(TestMachine machine, string bitmap, params string[] how)
    {
        await DriftMachine.BitmapAsync(machine, "vda", bitmap, "--remove");
        await DriftMachine.BitmapAsync(machine, "vda", bitmap, how);
    }

    private static async Task RemoveAllAsync(TestMachine machine)
    {
        foreach (VMBitmap bitmap in await machine.Engine.GetBitmapsOfFileAsync(machine.DiskPath("vda"), CancellationToken.None))
            await DriftMachine.BitmapAsync(machine, "vda", bitmap.Name, "--remove");
    }

    private static Task ResizeAsync(TestMachine machine, params string[] how)
    {
        string[] options = how[..^1];
        Tool.Run("qemu-img", ["resize", "-q", .. options, "-f", "qcow2", machine.DiskPath("vda"), how[^1]]);
        return Task.CompletedTask;
    }

    private static async Task PointsInACircleAsync(TestMachine machine)
    {
        string vda = File.ReadAllText(DriftMachine.FileOf(machine, "b"));
        string id = System.Text.RegularExpressions.Regex.Match(vda, "name=\"vda\">\\s*<[\\w:]*point id=\"(?<id>[^\"]+)\"", System.Text.RegularExpressions.RegexOptions.ExplicitCapture, TimeSpan.FromMinutes(1)).Groups["id"].Value;
        await DriftMachine.EditAsync(machine, "checkpoints/a.xml", "(name=\"vda\">\\s*<[\\w:]*point id=\"[^\"]+\")", $"$1 parent=\"{id}\"");
    }

    private static string FirstSegment(TestMachine machine) =>
        Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")).MinBy(File.GetLastWriteTimeUtc)!;

    private static Task MoveAsync(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        return Task.CompletedTask;
    }

    private static Task DeleteAsync(string path)
    {
        File.Delete(path);
        return Task.CompletedTask;
    }
}
