using System.Text.Json;
using System.Text.RegularExpressions;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Health;

/// <summary>Machines with a history that is whole, and hands that do to them what people, crashes and other programs do.</summary>
internal static class DriftMachine
{
    public const long Grain = 65536;

    /// <summary>vda and vdb with the checkpoints a and b, vda alone with c; written to after each; stopped, all bitmaps stored.</summary>
    public static async Task<TestMachine> WithTwoDisksAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await StoryAsync(machine);
        return machine;
    }

    /// <summary>The same with vda alone.</summary>
    public static async Task<TestMachine> WithOneDiskAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync();
        await StoryAsync(machine);
        return machine;
    }

    /// <summary>The same, vda standing on vda's base.</summary>
    public static async Task<TestMachine> OnBaseAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", BaseOf(machine), "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 9 0 1M", BaseOf(machine));
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", BaseOf(machine), "-F", "qcow2", machine.DiskPath("vda"));
        await StoryAsync(machine);
        return machine;
    }

    /// <summary>One disk, no moment yet.</summary>
    public static Task<TestMachine> FreshAsync() => TestMachine.CreateAsync();

    public static string BaseOf(TestMachine machine) => Path.Combine(machine.Scratch, "base.qcow2");

    public static string FileOf(TestMachine machine, string moment) => Path.Combine(machine.StateDirectory, "checkpoints", moment + ".xml");

    /// <summary>Changes a file of the metadata as a hand would.</summary>
    public static Task EditAsync(TestMachine machine, string relative, string pattern, string replacement)
    {
        string path = Path.Combine(machine.StateDirectory, relative);
        string text = File.ReadAllText(path), edited = Regex.Replace(text, pattern, replacement, RegexOptions.Singleline, TimeSpan.FromMinutes(1));
        Assert.NotEqual(text, edited);
        File.WriteAllText(path, edited);
        return Task.CompletedTask;
    }

    public static Task BitmapAsync(TestMachine machine, string disk, string name, params string[] how)
    {
        Tool.Run("qemu-img", ["bitmap", .. how, machine.DiskPath(disk), name]);
        return Task.CompletedTask;
    }

    /// <summary>Changes one byte of an image's header.</summary>
    public static Task HeaderAsync(TestMachine machine, string disk, int offset, Func<byte, int> change)
    {
        using FileStream file = File.Open(machine.DiskPath(disk), FileMode.Open);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)change((byte)value));
        return Task.CompletedTask;
    }

    /// <summary>Sends a command to the running QEMU, past MomentTools.</summary>
    public static Task QmpAsync(TestMachine machine, string command, object arguments) =>
        machine.Engine.InvokeQmpAsync(TestMachine.Name, command, JsonSerializer.Serialize(arguments), CancellationToken.None);

    private static async Task StoryAsync(TestMachine machine)
    {
        await machine.WriteGrainAsync(1, 0);
        await machine.CheckpointAsync("a");
        await machine.WriteGrainAsync(2, 4);
        await machine.CheckpointAsync("b");
        await machine.WriteGrainAsync(3, 8);
        await machine.CheckpointAsync("c", "vda");
        await machine.WriteGrainAsync(4, 12);
    }
}
