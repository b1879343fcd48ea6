using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// Going back inside the images, killed at each of its steps: the process that does it, or QEMU, or both. Afterwards the disks are where they
/// were or where they should go, whole; no answer is too small; what was to be kept is there; nothing is left over.
/// </summary>
[Trait("Proof", "crash")]
public sealed class InternalCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("internal-restore", "memory")]
    [InlineData("internal-restore", "disks")]
    [InlineData("internal-restore", "off")]
    [InlineData("internal-drop", "memory")]
    public Task AProcessKilledAtAnyStepLosesNothing(string operation, string kind) => EachStepAsync(operation, kind, alsoQemu: false);

    [SkippableTheory]
    [InlineData("internal-restore", "disks")]
    [InlineData("internal-drop", "memory")]
    public Task AProcessKilledTogetherWithQemuSaysNothingThatIsNotSo(string operation, string kind) => EachStepAsync(operation, kind, alsoQemu: true);

    [SkippableTheory]
    [InlineData("memory")]
    [InlineData("disks")]
    public async Task AQemuKilledAtAnyStepLosesNothingSilently(string kind)
    {
        await CrashHarness.RunAsync(output, $"internal-restore, {kind}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using TestMachine machine = await PrepareAsync(kind);
            var hand = new InternalHand(machine, killer.Probe);
            int process = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).ProcessId!.Value;
            if (!await killer.KillsAsync(process, () => hand.RestoreAsync("clean"), where))
                return false;

            await AssertSoundAsync(machine, hand, where, exact: false, running: null);
            return true;
        });
    }

    private async Task EachStepAsync(string operation, string kind, bool alsoQemu)
    {
        int done = 0;
        int tried = await CrashHarness.RunAsync(output, $"{operation}, {kind}{(alsoQemu ? ", with QEMU" : "")}", async (step, where) =>
        {
            await using TestMachine machine = await PrepareAsync(kind);
            var hand = new InternalHand(machine);
            int? qemu = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).ProcessId;
            if (!machine.Dies(step, operation, "clean"))
                return false;
            if (alsoQemu)
                await Victim.KillAsync(qemu!.Value);
            done += await AssertSoundAsync(machine, hand, where, exact: !alsoQemu, running: alsoQemu ? null : kind != "off", dropped: operation == "internal-drop") ? 1 : 0;
            return true;
        });
        Assert.InRange(done, 1, tried);
    }

    private static async Task<TestMachine> PrepareAsync(string kind)
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        if (kind != "off")
            await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        foreach ((string disk, byte pattern, long block) in Writes.Take(2))
            await machine.WriteAsync(disk, pattern, block * Grain, Grain);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean", memory: kind == "memory");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        await machine.WriteAsync("vda", 4, 3 * Grain, Grain);
        await machine.WriteAsync("vdb", 4, 5 * Grain, Grain);
        return machine;
    }

    private static readonly (string Disk, byte Pattern, long Block)[] Writes = [("vda", 1, 0), ("vdb", 1, 0), ("vda", 2, 1), ("vda", 3, 2), ("vda", 4, 3), ("vdb", 4, 5)];

    private static byte[] Content(int writes)
    {
        byte[] content = new byte[TestMachine.DiskSize];
        foreach ((string _, byte pattern, long block) in Writes.Take(writes).Where(write => write.Disk == "vda"))
            content.AsSpan((int)(block * Grain), (int)Grain).Fill(pattern);
        return content;
    }

    // Gives whether it was finished.
    private static async Task<bool> AssertSoundAsync(TestMachine machine, InternalHand hand, string where, bool exact, bool? running, bool dropped = false)
    {
        // Whatever command changes something next: it recovers first.
        await machine.CheckpointAsync("later");
        Assert.Empty(Journal.Pending(machine.StateDirectory));
        VMState state = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State;
        if (running is { } runs)
            Assert.True(state == (runs ? VMState.Running : VMState.Stopped), $"{where}: the machine is {state}");
        if (state != VMState.Stopped)
            await machine.IoAsync("vda", "flush");
        byte[] now = machine.Content(machine.DiskPath("vda"));
        string? hidden = hand.State.Branches.Keys.FirstOrDefault(name => name.StartsWith("mt-", StringComparison.Ordinal));
        bool finished = hand.State.Disk("vda").NearestMoment(hand.State.Disk("vda").PointOf(new MomentKey(MomentKind.Checkpoint, "later"))!.ParentId)!.Name == "clean";
        if (exact)
            Assert.True(now.AsSpan().SequenceEqual(Content(finished ? 3 : 6)), $"{where}: the disk holds neither what it held nor the snapshot (finished: {finished})");
        else if (finished)
            Assert.True(now.AsSpan().SequenceEqual(Content(3)), $"{where}: it was finished, and the disk does not hold the snapshot");
        await machine.WriteAsync("vda", 9, 9 * Grain, Grain);
        now.AsSpan((int)(9 * Grain), (int)Grain).Fill(9);

        foreach ((string moment, int writes) in ((string, int)[])[("before", 2), ("clean", 3), ("after", 4)])
            await AssertLargeEnoughAsync(hand, moment, null, Content(writes), now, exact, where);
        await AssertLargeEnoughAsync(hand, "before", "after", Content(2), Content(4), exact, where);
        Assert.Equal([9], await hand.BetweenAsync("later", null));
        IReadOnlyList<string> tags = await hand.TagsAsync("vda");
        bool keeps = finished && !dropped;
        Assert.True(tags.Count == (keeps ? 2 : 1) && tags[0] == "clean", $"{where}: finished: {finished}; tags {string.Join(' ', tags)}");
        Assert.Equal(tags, await hand.TagsAsync("vdb"));
        if (keeps)
        {
            await hand.SwitchAsync(hidden ?? "main", new InternalRestoreOptions { KeepMemory = false });
            await AssertContentAsync(machine, exact ? Content(6) : null, where);
        }

        await AssertNothingLeftAsync(machine, where);
        return finished;
    }

    private static async Task AssertContentAsync(TestMachine machine, byte[]? expected, string where)
    {
        if (expected is null)
            return;
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State != VMState.Stopped)
            await machine.IoAsync("vda", "flush");
        Assert.True(expected.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))), $"{where}: what was left is not what it was");
    }

    private static async Task AssertLargeEnoughAsync(InternalHand hand, string from, string? to, byte[] then, byte[] now, bool exact, string where)
    {
        IReadOnlyList<long> told;
        try
        {
            told = await hand.BetweenAsync(from, to);
        }
        catch (MomentException unknown) when (!exact && unknown.ErrorId == OperationErrors.ChangesUnknown)
        {
            return;
        }

        for (long block = 0; block < TestMachine.DiskSize / Grain; block++)
            Assert.True(
                told.Contains(block) || then.AsSpan((int)(block * Grain), (int)Grain).SequenceEqual(now.AsSpan((int)(block * Grain), (int)Grain)),
                $"{where}: TOO SMALL from {from} to {to ?? "now"}: block {block} differs; told {string.Join(' ', told)}");
        Assert.True(told.Count < 8, $"{where}: from {from} to {to ?? "now"} {told.Count} blocks are told");
    }

    private static async Task AssertNothingLeftAsync(TestMachine machine, string where)
    {
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.DoesNotContain(bitmaps, bitmap => bitmap.Name.StartsWith("mt-tmp", StringComparison.Ordinal) || bitmap.State == VMBitmapState.Foreign);
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
            return;
        await machine.AssertNothingInQemuAsync(where);
    }
}
