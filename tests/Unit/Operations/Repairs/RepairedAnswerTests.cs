using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Health;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Repairs.RepairTests;

namespace MomentTools.Tests.Operations.Repairs;

/// <summary>Whatever drifted: after the repair it is silent, and no answer is too small.</summary>
public sealed class RepairedAnswerTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("bitmap removed", FindingIds.BitmapMissing)]
    [InlineData("recording removed", FindingIds.BitmapMissing)]
    [InlineData("all removed", FindingIds.BitmapMissing)]
    [InlineData("recording disabled", FindingIds.BitmapNotRecording)]
    [InlineData("closed enabled", FindingIds.BitmapRecording)]
    [InlineData("granularity", FindingIds.BitmapGranularity)]
    [InlineData("resized", FindingIds.DiskResized)]
    [InlineData("sidecar damaged", FindingIds.SidecarUnreadable)]
    [InlineData("file truncated", FindingIds.MomentFileInvalid)]
    [InlineData("file gone", FindingIds.ParentMissing)]
    [InlineData("first file gone", FindingIds.ParentMissing)]
    [InlineData("last file gone", FindingIds.ParentMissing)]
    [InlineData("cycle", FindingIds.ParentCycle)]
    [InlineData("uuid", FindingIds.UuidMismatch)]
    [InlineData("future", FindingIds.CreatedInFuture)]
    [InlineData("journal", FindingIds.JournalUnreadable)]
    public async Task WhatDriftedIsSilentAfterTheRepairAndNothingIsTooSmall(string drift, string finding)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string[] names = ["a", "b", "c", "d"];
        for (int at = 0; at < names.Length; at++)
        {
            await machine.WriteAsync("vda", (byte)(at + 1), at * 2 * Grain, Grain);
            await machine.CheckpointAsync(names[at]);
        }

        await machine.WriteAsync("vda", 9, 8 * Grain, Grain);
        Drift(machine, drift);
        await RepairAsync(machine, finding);
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        foreach (VMMoment moment in moments)
            await AssertLargeEnoughAsync(machine, moment.Name, Array.IndexOf(names, moment.Name));
        await machine.CheckpointAsync("e");
        await machine.WriteAsync("vda", 10, 20 * Grain, Grain);
        Assert.Equal([(20 * Grain, Grain)], await machine.ChangesAsync("e"));
        Assert.Empty(await machine.TestAsync());
    }

    // Unknown, or everything that was written since.
    private static async Task AssertLargeEnoughAsync(TestMachine machine, string since, int index)
    {
        IReadOnlyList<(long Offset, long Length)> changes;
        try
        {
            changes = await machine.ChangesAsync(since);
        }
        catch (MomentException unknown) when (unknown.ErrorId == OperationErrors.ChangesUnknown)
        {
            return;
        }

        foreach (long offset in Enumerable.Range(index + 1, 3 - index).Select(at => at * 2 * Grain).Append(8 * Grain))
            Assert.True(changes.Any(run => run.Offset <= offset && run.Offset + run.Length >= offset + Grain), $"since {since}: {offset} is missing in {string.Join(' ', changes)}");
    }

    private static void Drift(TestMachine machine, string how)
    {
        string disk = machine.DiskPath("vda"), checkpoints = Path.Combine(machine.StateDirectory, "checkpoints");
        string FileOf(string name) => Path.Combine(checkpoints, name + ".xml");
        void Replace(string name, string from, string to) => File.WriteAllText(FileOf(name), File.ReadAllText(FileOf(name)).Replace(from, to, StringComparison.Ordinal));
        void Bitmap(params string[] arguments) => Tool.Run("qemu-img", ["bitmap", .. arguments[..^1], disk, arguments[^1]]);
        switch (how)
        {
            case "bitmap removed":
                Bitmap("--remove", "b");
                break;
            case "recording removed":
                Bitmap("--remove", "d");
                break;
            case "all removed":
                foreach (string name in new[] { "a", "b", "c", "d" })
                    Bitmap("--remove", name);
                Bitmap("--remove", Marker(machine));
                break;
            case "recording disabled":
                Bitmap("--disable", "d");
                break;
            case "closed enabled":
                Bitmap("--enable", "b");
                break;
            case "granularity":
                Bitmap("--remove", "b");
                Tool.Run("qemu-img", "bitmap", "--add", "--disable", "-g", "32768", disk, "b");
                break;
            case "resized":
                Tool.Run("qemu-img", "resize", "-q", "-f", "qcow2", disk, "+1M");
                break;
            case "sidecar damaged":
                string sidecar = Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")).Order(StringComparer.Ordinal).First();
                File.WriteAllBytes(sidecar, File.ReadAllBytes(sidecar)[..^1]);
                break;
            case "file truncated":
                File.WriteAllText(FileOf("b"), File.ReadAllText(FileOf("b"))[..100]);
                break;
            case "file gone":
                File.Delete(FileOf("b"));
                break;
            case "first file gone":
                File.Delete(FileOf("a"));
                break;
            case "last file gone":
                File.Delete(FileOf("d"));
                break;
            case "cycle":
                File.WriteAllText(FileOf("a"), File.ReadAllText(FileOf("a")).Replace("<name>a</name>", "<name>a</name><parent><name>c</name></parent>", StringComparison.Ordinal));
                break;
            case "uuid":
                Replace("b", "6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11", "6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b12");
                break;
            case "future":
                string created = File.ReadAllText(FileOf("b")).Split("created=\"")[1].Split('"')[0];
                Replace("b", created, "2077-01-01T00:00:00.0000000+00:00");
                break;
            case "journal":
                Directory.CreateDirectory(Path.Combine(machine.StateDirectory, "journal"));
                File.WriteAllText(Path.Combine(machine.StateDirectory, "journal", "0123456789ab.jsonl"), "what is this\n");
                break;
        }
    }

    private static string Marker(TestMachine machine) =>
        Tool.Run("qemu-img", "info", machine.DiskPath("vda")).Split('\n').Select(line => line.Split("name: ")[^1].Trim()).First(name => name.StartsWith("mt-tip-", StringComparison.Ordinal));
}
