using System.Globalization;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>What tests of many kinds do to the machine, and look at.</summary>
internal sealed partial class TestMachine
{
    /// <summary>Bytes that one bit of a bitmap tells of.</summary>
    private const int Grain = 65536;

    /// <summary>What Test-VMMoment finds.</summary>
    public Task<IReadOnlyList<VMMomentFinding>> TestAsync() => Engine.TestMomentsAsync(Name, [], Report, CancellationToken.None);

    /// <summary>Repairs all of it.</summary>
    public Task<IReadOnlyList<VMMomentRepair>> RepairAsync() => Engine.RepairMomentsAsync(Name, new RepairMomentRequest(), Report, CancellationToken.None);

    /// <summary>Fills one grain of every disk.</summary>
    public async Task WriteGrainAsync(byte pattern, int grain)
    {
        foreach (string disk in Disks)
            await WriteAsync(disk, pattern, grain * Grain, Grain);
    }

    /// <summary>Gives the first disk another size, as the machine's QEMU or qemu-img does.</summary>
    public async Task ResizeAsync(bool running, long size)
    {
        string number = size.ToString(CultureInfo.InvariantCulture);
        if (running)
            await Engine.InvokeQmpAsync(Name, "block_resize", $$"""{"node-name":"mt-vda","size":{{number}}}""", CancellationToken.None);
        else
            Tool.Run("qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", DiskPath("vda"), number);
    }

    /// <summary>The content of a disk that has a byte in some grains, and is zero elsewhere.</summary>
    public static byte[] Holding(params (int Grain, byte Value)[] grains)
    {
        byte[] content = new byte[DiskSize];
        foreach ((int grain, byte value) in grains)
            content.AsSpan(grain * Grain, Grain).Fill(value);
        return content;
    }

    /// <summary>The changes are exactly these; or said to be unknown, where that may be.</summary>
    public async Task AssertChangesAsync(string since, (long, long)[] expected, bool mayBeUnknown, string where)
    {
        try
        {
            IReadOnlyList<(long Offset, long Length)> found = await ChangesAsync(since);
            Assert.True(expected.SequenceEqual(found), $"{where}: since {since}: {string.Join(' ', found)}");
        }
        catch (MomentException failure) when (mayBeUnknown && failure.ErrorId == OperationErrors.ChangesUnknown)
        {
            // Said, not guessed.
        }
    }

    /// <summary>Nothing of an operation is left in the running machine's QEMU.</summary>
    /// <param name="where">What a message calls the try.</param>
    /// <param name="nodes">Whether the disks stand on their first images still, so that all nodes bear the names of these.</param>
    public async Task AssertNothingInQemuAsync(string where, bool nodes = true)
    {
        foreach (string query in (string[])["query-jobs", "query-block-exports"])
            Assert.True((await Engine.InvokeQmpAsync(Name, query, null, CancellationToken.None)).GetArrayLength() == 0, $"{where}: {query}");
        if (nodes)
            Assert.All((await Engine.InvokeQmpAsync(Name, "query-named-block-nodes", """{"flat":true}""", CancellationToken.None)).EnumerateArray(),
                node => Assert.StartsWith("mt-vd", node.GetProperty("node-name").GetString(), StringComparison.Ordinal));
    }

    /// <summary>Runs an operation by its name in the crash harness, while QEMU is killed at a step of it.</summary>
    /// <returns>Whether the step was reached.</returns>
    public async Task<bool> LosesQemuAsync(StepKiller killer, string operation, string argument, string where) => await killer.KillsAsync(
        (await Engine.GetDomainAsync(Name, Report, CancellationToken.None)).ProcessId!.Value, () => CrashRunner.CrashedOperations.RunAsync(Engine, Name, operation, argument), where);
}
