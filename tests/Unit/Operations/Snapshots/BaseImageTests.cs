using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// The cases in which other tools deleted a base image together with an external snapshot, and all data with it: an external snapshot deleted
/// whose parent is an internal one, and its relatives. Here every order of kinds, each of them deleted, one after the other, until nothing is
/// left: what is there still reads back its own bytes, and the guest's disk too.
/// </summary>
public sealed class BaseImageTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("ie", false)]
    [InlineData("ie", true)]
    [InlineData("ei", false)]
    [InlineData("ei", true)]
    [InlineData("iee", true)]
    [InlineData("eie", false)]
    [InlineData("eei", true)]
    [InlineData("iei", false)]
    public async Task EverySnapshotCanBeDeletedInEveryOrderAndNothingElseIsLost(string kinds, bool running)
    {
        foreach (int[] order in Orders(kinds.Length))
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            if (running)
                await machine.StartAsync();
            Dictionary<string, byte[]> held = new(StringComparer.Ordinal);
            await machine.WriteAsync("vda", 100, 0, 8 * Grain);
            for (int at = 0; at < kinds.Length; at++)
            {
                string name = $"{kinds[at]}{at}";
                held[name] = await NowAsync(machine);
                await machine.SnapshotAsync(name, request => request with { DiskOnly = true, Internal = kinds[at] == 'i' });
                await machine.WriteAsync("vda", (byte)(at + 1), at * 2 * Grain, Grain);
            }

            byte[] now = await NowAsync(machine);
            string what = $"{kinds} removed as {string.Join(' ', order)}";
            foreach (int at in order)
            {
                string name = $"{kinds[at]}{at}";
                await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = name, UndoFor = TimeSpan.Zero }, machine.Report, CancellationToken.None);
                held.Remove(name);
                Assert.True(File.Exists(machine.DiskPath("vda")), $"{what}: the base image is gone");
                byte[] after = await NowAsync(machine);
                Assert.True(now.AsSpan().SequenceEqual(after), $"{what}: the guest's disk differs after '{name}'");
                AssertHeld(machine, held, $"{what}, after '{name}'");
            }

            Assert.Empty(await machine.MomentsAsync());
            Tool.Run("qemu-img", "check", "-q", "-U", await machine.ActivePathAsync("vda"));
            Assert.Empty(machine.Report.Failures);
        }
    }

    // As it lies in the images, wherever the metadata says.
    private static void AssertHeld(TestMachine machine, Dictionary<string, byte[]> held, string what)
    {
        MomentTools.Moments.DiskTracking tracking = new MomentTools.Moments.MomentStore(machine.StateDirectory).Load(failure => throw failure).Disk("vda");
        foreach ((string name, byte[] content) in held)
        {
            var key = new MomentTools.Moments.MomentKey(MomentTools.Moments.MomentKind.Snapshot, name);
            string layer = tracking.Layers[tracking.Points.Values.Single(point => point.Moment == key).LayerId].Path;
            Assert.True(content.AsSpan().SequenceEqual(machine.Content(layer, name[0] == 'i' ? name : null)), $"{what}: '{name}' is not what it was");
        }
    }

    private static async Task<byte[]> NowAsync(TestMachine machine)
    {
        await machine.IoAsync("vda", "flush");
        return machine.Content(await machine.ActivePathAsync("vda"));
    }

    private static IEnumerable<int[]> Orders(int count) => count == 2
        ? [[0, 1], [1, 0]]
        : [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
}
