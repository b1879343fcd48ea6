using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>Layers whose storage or whose QEMU is not what it should be: the work stops there, is said, and can be done again.</summary>
public sealed class LayerTroubleTests
{
    [SkippableFact]
    public async Task AMergedLayerThatIsNotWholeIsSaidAndTheUpperOneStays()
    {
        string lower = "";
        await using LayerMachine machine = await LineAsync(step =>
        {
            if (step == $"{LayerMerge.Operation}:finished")
                BrokenImage.MakeUncounted(lower, 0);
        });
        string upper = machine.PathOf("two");
        lower = machine.PathOf("one");
        MomentException failure = await Expect.FailsAsync(LayerErrors.LayerMergeDamaged, () => machine.ForgetAsync("one"));
        Assert.Contains($"'{lower}'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'vda'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("qemu-img check", failure.Advice, StringComparison.Ordinal);
        Assert.True(File.Exists(upper));
    }

    [SkippableFact]
    public async Task ALayerThatSomebodyOpenedOnceMoreInQemuIsLeftAlone()
    {
        await using LayerMachine machine = await LineAsync();
        await machine.Machine.StartAsync();
        string options = JsonSerializer.Serialize(new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["driver"] = "qcow2", ["node-name"] = "theirs", ["read-only"] = true, ["backing"] = null, ["file"] = new { driver = "file", filename = machine.PathOf("one") },
        });
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "blockdev-add", options, CancellationToken.None);
        MomentException failure = await Expect.FailsAsync(LayerErrors.LayerNotOpen, () => machine.ForgetAsync("one"));
        Assert.Contains($"'{machine.Machine.DiskPath(LayerMachine.Disk)}'", failure.Message, StringComparison.Ordinal);
        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "blockdev-del", """{"node-name":"theirs"}""", CancellationToken.None);
        await machine.CollectAsync();
        await machine.AssertSoundAsync("afterwards");
    }

    [SkippableFact]
    public async Task AFileThatCannotBeRemovedIsNamedAndRemovedTheNextTime()
    {
        await using LayerMachine machine = await LineAsync();
        string merged = machine.PathOf("two"), inTheWay = merged + ".mt-removed";
        Directory.CreateDirectory(inTheWay);
        MomentException failure = await Expect.FailsAsync(LayerErrors.LayerRemovalFailed, () => machine.ForgetAsync("one"));
        Assert.Contains($"'{merged}'", failure.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(merged));
        Directory.Delete(inTheWay);
        Assert.Equal([merged], (await machine.CollectAsync()).Removed.Select(file => file.Path));
        await machine.AssertSoundAsync("afterwards");
    }

    private static async Task<LayerMachine> LineAsync(Action<string>? probe = null)
    {
        LayerMachine machine = await LayerMachine.CreateAsync(probe);
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 8, 8);
        await machine.SnapshotAsync("two");
        await machine.WriteAsync(3, 20, 2);
        return machine;
    }
}
