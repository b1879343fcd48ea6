using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Somebody empties a closed bitmap of ours, or puts an empty one in its place under the same name: what was saved of it when it closed knows
/// better, and no answer and no backup is smaller than that.
/// </summary>
public sealed class TamperedBitmapTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("cleared", false)]
    [InlineData("made anew", false)]
    [InlineData("cleared", true)]
    [InlineData("made anew", true)]
    public async Task WhatWasSavedStandsInForABitmapThatLostItsBits(string way, bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, 3 * Grain);
        await machine.CheckpointAsync("between");
        await machine.WriteAsync("vda", 3, 8 * Grain, Grain);

        await TamperAsync(machine, first.Checkpoint!, way, running);

        Assert.Equal([(2 * Grain, 3 * Grain), (8 * Grain, Grain)], await machine.ChangesAsync(first.Checkpoint!));
        VMBackup second = await machine.BackupAsync();
        await machine.IoAsync("vda", "flush");
        Assert.True(machine.Content(machine.DiskPath("vda")).AsSpan().SequenceEqual(machine.Content(second.Disks[0].Path)), "the backup is not what the disk holds");
        Assert.Equal((VMBackupKind.Incremental, false), (second.Disks[0].Kind, second.Disks[0].Compared));
        Assert.Equal([(2 * Grain, 3 * Grain), (8 * Grain, Grain)], await machine.BetweenAsync(first.Checkpoint!, second.Checkpoint!));
    }

    private static async Task TamperAsync(TestMachine machine, string bitmap, string way, bool running)
    {
        if (!running)
        {
            string[][] commands = way == "cleared" ? [["--clear"]] : [["--remove"], ["--add", "--disable"]];
            foreach (string[] command in commands)
                Tool.Run("qemu-img", ["bitmap", .. command, "-f", "qcow2", machine.DiskPath("vda"), bitmap]);
            return;
        }

        string named = $"\"node\":\"mt-vda\",\"name\":\"{bitmap}\"";
        (string Command, string Arguments)[] asked = way == "cleared" ? [("block-dirty-bitmap-clear", named)]
            : [("block-dirty-bitmap-remove", named), ("block-dirty-bitmap-add", named + ",\"persistent\":true,\"disabled\":true,\"granularity\":65536")];
        foreach ((string command, string arguments) in asked)
            await machine.Engine.InvokeQmpAsync(TestMachine.Name, command, "{" + arguments + "}", CancellationToken.None);
    }
}
