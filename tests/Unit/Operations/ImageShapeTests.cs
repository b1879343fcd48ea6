using System.Globalization;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Images of every shape that QEMU makes: clusters of all sizes, subclusters, data apart, sizes that are no multiple of anything, bases that are shorter,
/// longer or raw. Whatever the shape, what is told to have changed holds all that did, and every backup is the disk, byte by byte.
/// </summary>
public sealed class ImageShapeTests
{
    private const long Grain = 65536;
    private const long Odd = (24 << 20) + 512 * 13;

    /// <summary>The options of the image; the options, size and format of the image beneath it, where there is one; whether the machine runs.</summary>
    public static TheoryData<string, string, bool> Shapes => new()
    {
        { "cluster_size=512", "", true }, { "cluster_size=4k", "", false }, { "cluster_size=2M", "", true },
        { "extended_l2=on,cluster_size=128k", "", true }, { "extended_l2=on,cluster_size=2M", "extended_l2=on,cluster_size=64k 24M qcow2", false },
        { "data_file=vda.data,data_file_raw=on", "", true }, { "data_file=vda.data", "", true }, { "lazy_refcounts=on,refcount_bits=64,compression_type=zstd", "", true },
        { "cluster_size=64k", "cluster_size=512 3M qcow2", true }, { "cluster_size=4k", "cluster_size=2M 48M qcow2", false }, { "cluster_size=2M", " 5000192 raw", true },
    };

    [SkippableTheory]
    [MemberData(nameof(Shapes))]
    public async Task WhatChangedIsToldAndEveryBackupIsTheDisk(string options, string below, bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(Odd, discard: true, null, ["vda"]);
        Make(machine, options, below);
        if (running)
            await machine.StartAsync();
        byte[] last = await ContentAsync(machine);
        VMBackup backup = await machine.BackupAsync();
        Assert.Equal(last, machine.Content(backup.Disks[0].Path));
        string[][] rounds =
        [
            [Write(1, 0, 512), Write(2, Odd - 512, 512), Write(3, 3 * Grain - 512, 1024)],
            [Zero(0, 2 * Grain), "discard 131072 196608", Write(4, 12 * Grain + 4096, 70000 / 512 * 512)],
            [Zero(Odd - 5 * 512, 5 * 512), Write(5, 5 << 20, 3 << 20), $"discard {4 << 20} {3 << 20}"],
        ];
        foreach (string[] round in rounds)
        {
            foreach (string command in round)
                await machine.IoAsync("vda", command);
            byte[] now = await ContentAsync(machine);
            AssertHolds(await machine.ChangesAsync(backup.Checkpoint!), last, now);
            backup = await machine.BackupAsync(VMBackupKind.Incremental);
            Assert.True(now.AsSpan().SequenceEqual(machine.Content(backup.Disks[0].Path)), "the backup is not what the disk holds");
            last = now;
        }

        await CheckLayerAsync(machine);
        Assert.Empty(machine.Report.Warnings);
    }

    // A layer on top, and merged again.
    private static async Task CheckLayerAsync(TestMachine machine)
    {
        await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });
        foreach (string command in (string[])[Write(6, Odd - 3 * 512, 3 * 512), Zero(7 * Grain + 512, Grain), Write(7, 9 * Grain + 512, 512)])
            await machine.IoAsync("vda", command);
        byte[] now = await ContentAsync(machine);
        VMBackup above = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.True(now.AsSpan().SequenceEqual(machine.Content(above.Disks[0].Path)), "the backup is not what the disk on its layer holds");
        await machine.IoAsync("vda", Write(8, 11 * Grain + 512, 1024));
        now = await ContentAsync(machine);
        await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "clean", UndoFor = TimeSpan.Zero }, machine.Report, CancellationToken.None);
        Assert.Equal(machine.DiskPath("vda"), await machine.ActivePathAsync("vda"));
        byte[] after = await ContentAsync(machine);
        Assert.True(now.AsSpan().SequenceEqual(after), "the merged disk is another");
        VMBackup merged = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.True(now.AsSpan().SequenceEqual(machine.Content(merged.Disks[0].Path)), "the backup is not what the merged disk holds");
    }

    private static void AssertHolds(IReadOnlyList<(long Offset, long Length)> told, byte[] before, byte[] after)
    {
        Assert.Equal(before.Length, after.Length);
        for (int at = 0; at < before.Length; at += 512)
            if (!before.AsSpan(at, 512).SequenceEqual(after.AsSpan(at, 512)))
                Assert.True(told.Any(run => run.Offset <= at && at + 512 <= run.Offset + run.Length), $"the change at {at} is missing");
        // And no more than was touched, in whole grains.
        Assert.InRange(told.Sum(run => run.Length), 0, 8 << 20);
    }

    private static void Make(TestMachine machine, string options, string below)
    {
        string path = machine.DiskPath("vda"), size = Odd.ToString(CultureInfo.InvariantCulture);
        File.Delete(path);
        options = options.Replace("data_file=", $"data_file={machine.Scratch}/", StringComparison.Ordinal);
        if (below.Length == 0)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, size);
        }
        else
        {
            string[] parts = below.Split(' ');
            string other = Path.Combine(machine.Scratch, "base." + parts[2]);
            Tool.Run("qemu-img", ["create", "-q", "-f", parts[2], .. parts[0].Length > 0 ? (string[])["-o", parts[0]] : [], other, parts[1]]);
            Tool.Run("qemu-io", "-f", parts[2], "-c", Write(77, 0, 1 << 20), "-c", Write(78, (2 << 20) + 512, 300 << 10), other);
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", other, "-F", parts[2], path, size);
        }

        Tool.Run("qemu-io", "-f", "qcow2", "-c", Write(99, 1 << 20, 2 << 20), path);
    }

    private static async Task<byte[]> ContentAsync(TestMachine machine)
    {
        await machine.IoAsync("vda", "flush");
        return machine.Content(await machine.ActivePathAsync("vda"));
    }

    private static string Write(byte pattern, long offset, long length) => string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {offset} {length}");

    private static string Zero(long offset, long length) => string.Create(CultureInfo.InvariantCulture, $"write -z {offset} {length}");
}
