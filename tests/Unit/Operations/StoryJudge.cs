using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Holds every answer of the engine against the oracle. Too small an answer is the one failure that must never be.</summary>
internal sealed class StoryJudge(TestMachine machine, IReadOnlyList<StoryDisk> disks, StoryCounts counts)
{
    // What is said where all went well: of sizes, of disks that a snapshot leaves out, of what could no longer be taken back.
    private static readonly string[] Expected = ["DiskResized: ", " does not cover disk ", "The snapshot was not kept, but the disks of ", " stays (", " are as after a power cut: ", "Removed block snapshot '", "Ended the export of ", " any more that can be restored."];

    /// <summary>Every moment on every disk that it covers: to now, and to every other moment.</summary>
    public async Task CheckMomentsAsync()
    {
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        Assert.Empty(machine.Report.Failures);
        Assert.Equal(disks.SelectMany(disk => disk.Moments.Keys).Distinct().Order(StringComparer.Ordinal), moments.Select(moment => moment.Name).Order(StringComparer.Ordinal));
        foreach (VMMoment moment in moments)
        {
            StoryDisk[] covered = [.. disks.Where(disk => disk.Moments.ContainsKey(moment.Name))];
            Assert.Equal(covered.Select(disk => disk.Name), moment.Disks.Where(disk => disk.State != VMBitmapState.NotCovered).Select(disk => disk.Name).Order(StringComparer.Ordinal));
            bool known = covered.All(disk => StoryDisk.IsKnown(disk.Moments[moment.Name], disk.Now));
            // On another branch it says what became of that one.
            bool isHere = covered.All(disk => disk.Now.DescendsFrom(disk.Moments[moment.Name]));
            Assert.True(!known || !isHere || moment.Health == "OK", $"'{moment.Name}' is said to be {moment.Health}");
            foreach (StoryDisk[] asked in known ? [covered] : covered.Select(disk => new[] { disk }))
                await CheckAsync(moment.Name, null, asked);
            await CompareAsync(moment.Name, null);
        }

        for (int first = 0; first < moments.Count; first++)
            for (int second = first + 1; second < moments.Count; second++)
                await CheckPairAsync(moments[first].Name, moments[second].Name);
    }

    // Asked from the one to the other, then from the other to the one, in turns.
    private async Task CheckPairAsync(string one, string other)
    {
        if (counts.MomentPairs % 2 == 1)
            (one, other) = (other, one);
        StoryDisk[] covered = [.. disks.Where(disk => disk.Moments.ContainsKey(one) && disk.Moments.ContainsKey(other))];
        bool known = covered.All(disk => StoryDisk.IsKnown(disk.Moments[one], disk.Moments[other]));
        foreach (StoryDisk[] asked in known ? [covered] : covered.Select(disk => new[] { disk }))
        {
            if (asked.Length > 0)
                await CheckAsync(one, other, asked);
            counts.MomentPairs += asked.Length;
        }

        await CompareAsync(one, other);
    }

    // Compare-VMMoment answers for all disks at once, whatever is unknown of some of them, and never says less than the blocks themselves.
    private async Task CompareAsync(string from, string? to)
    {
        if (counts.Compared++ % 3 != 0)
            return;
        IReadOnlyList<VMMomentComparison> told = await machine.Engine.CompareMomentsAsync(TestMachine.Name, from, to, [], machine.Report, CancellationToken.None);
        Assert.Equal(
            disks.Where(disk => disk.Moments.ContainsKey(from) || (to is not null && disk.Moments.ContainsKey(to))).Select(disk => disk.Name).Order(StringComparer.Ordinal),
            told.Select(one => one.Disk));
        foreach (VMMomentComparison one in told)
        {
            StoryDisk disk = disks.Single(disk => disk.Name == one.Disk);
            string where = $"'{from}' compared with {(to is null ? "now" : $"'{to}'")} on '{disk.Name}'";
            if (!disk.Moments.TryGetValue(from, out StoryMoment? then) || (to is not null && !disk.Moments.ContainsKey(to)))
            {
                Assert.True(one is { Relation: VMMomentRelation.NotCovered, Known: false, Reason: not null }, where);
                continue;
            }

            StoryMoment until = End(disk, to);
            Assert.True(one.Known || !StoryDisk.IsKnown(then, until), $"{where} is unknown: {one.Reason}");
            if (!one.Known)
            {
                Assert.True(one is { Bytes: null, Count: null, Reason: not null }, where);
                continue;
            }

            Assert.Equal(Relation(then, until), one.Relation);
            Assert.Equal(disk.NearestTo(StoryMoment.Meeting(then, until)), one.CommonMoment);
            Assert.True(one is { Reason: null, Bytes: not null, Count: not null, DiskSize: not null }, where);
            long size = to is null ? disk.Content.Length : Math.Max(then.Content.Length, until.Content.Length);
            Assert.Equal(size, one.DiskSize);
            Assert.True(one.Bytes >= StoryDisk.Differences(then, until, size).Sum(grain => Differing(then.Content, until.Content, grain, size)), $"TOO SMALL {where}: {one.Bytes} bytes");
            if (StoryDisk.IsExact(then, until))
                Assert.Equal(StoryDisk.Written(then, until).Sum(grain => Math.Min(StoryDisk.Grain, size - (grain * StoryDisk.Grain))), one.Bytes);
        }
    }

    // How much of a grain must be told: where the smaller disk ends within it and nothing differs before that, what lies beyond.
    private static long Differing(byte[] one, byte[] other, long grain, long size)
    {
        long begin = grain * StoryDisk.Grain, end = Math.Min(begin + StoryDisk.Grain, size), smaller = Math.Min(one.Length, other.Length);
        bool isCut = smaller > begin && smaller < end && one.AsSpan((int)begin, (int)(smaller - begin)).SequenceEqual(other.AsSpan((int)begin, (int)(smaller - begin)));
        return end - (isCut ? smaller : begin);
    }

    private static VMMomentRelation Relation(StoryMoment from, StoryMoment to) =>
        ReferenceEquals(from, to) ? VMMomentRelation.Same
        : to.DescendsFrom(from) ? VMMomentRelation.Ancestor
        : from.DescendsFrom(to) ? VMMomentRelation.Descendant
        : StoryMoment.Meeting(from, to) is null ? VMMomentRelation.Unrelated : VMMomentRelation.Related;

    /// <summary>Nothing temporary is left, no warning was given, and every bitmap is known; for stories without crashes and copies.</summary>
    public async Task CheckLeftoversAsync(bool mayBeForeign, bool mayWarn)
    {
        string[] warnings = [.. machine.Report.Warnings.Where(warning => !Expected.Any(warning.Contains))];
        Assert.True(mayWarn || warnings.Length == 0, "warned: " + string.Join('\n', warnings));
        Assert.Empty(Journal.Pending(machine.StateDirectory));
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.DoesNotContain(bitmaps, bitmap => bitmap.Name.StartsWith("mt-tmp", StringComparison.Ordinal) || bitmap.Name.StartsWith("mt-inc", StringComparison.Ordinal));
        // From a layer that is written no more nothing is removed, also what no moment needs any longer.
        Dictionary<string, string> active = new(StringComparer.Ordinal);
        foreach (StoryDisk disk in disks)
            active[disk.Name] = await machine.ActivePathAsync(disk.Name);
        VMBitmap[] foreign = [.. bitmaps.Where(bitmap => bitmap.State == VMBitmapState.Foreign && (bitmap.Disk is null || bitmap.Path == active[bitmap.Disk]))];
        Assert.True(mayBeForeign || foreign.Length == 0, "nobody's bitmaps: " + string.Join(", ", foreign.Select(bitmap => $"{bitmap.Name} of {bitmap.Disk} in {bitmap.Path}")));
    }

    /// <summary>What the disk really holds, after the guest's own flush.</summary>
    public async Task<byte[]> ReadAsync(StoryDisk disk)
    {
        await machine.IoAsync(disk.Name, "flush");
        return machine.Content(await machine.ActivePathAsync(disk.Name));
    }

    public async Task CheckContentAsync(StoryDisk disk) => AssertSame(disk.Content, await ReadAsync(disk), $"disk '{disk.Name}' holds what the guest did not write");

    public void CheckBackup(StoryBackup backup)
    {
        foreach ((string disk, byte[] content) in backup.Content)
            CheckFile(content, backup.Backup.Disks.Single(stored => stored.Name == disk).Path, $"backup {backup.Backup.Id} of '{disk}'");
    }

    /// <summary>All that a repository holds agrees with its manifests.</summary>
    public async Task CheckRepositoryAsync(string repository) => Assert.Empty(
        await machine.Engine.TestBackupsAsync(TestMachine.Name, new TestBackupRequest { Repository = repository }, machine.Report, CancellationToken.None));

    public async Task RestoreAsync(StoryBackup backup, string destination)
    {
        foreach (VMRestoredDisk restored in await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = backup.Backup.Repository, Id = backup.Backup.Id, Destination = destination }, machine.Report, CancellationToken.None))
            CheckFile(backup.Content[restored.Disk], restored.Path, $"'{restored.Disk}' restored from {backup.Backup.Id}");
        Directory.Delete(destination, recursive: true);
    }

    /// <summary>A killed QEMU may leave clusters that nothing uses; nothing else may ever be wrong with an image.</summary>
    public void CheckImages(bool mayLeak)
    {
        foreach (StoryDisk disk in disks)
        {
            (int exit, string output, string error) = Tool.TryRun("qemu-img", "check", "-f", "qcow2", machine.DiskPath(disk.Name));
            Assert.True(exit == 0 || (mayLeak && exit == 3), $"qemu-img check of '{disk.Name}' ended with {exit}: {output}{error}");
        }
    }

    private async Task CheckAsync(string from, string? to, StoryDisk[] asked)
    {
        string[] names = [.. asked.Select(disk => disk.Name)];
        IReadOnlyList<VMChangedBlock> blocks;
        IReadOnlyList<VMChangedBlockMeasure>? measures = null;
        counts.Pairs += asked.Length;
        try
        {
            blocks = to is null
                ? await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, names, machine.Report, CancellationToken.None)
                : await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, to, names, machine.Report, CancellationToken.None);
            if (to is null && counts.Pairs % 4 == 0)
                measures = await machine.Engine.MeasureChangedBlocksAsync(TestMachine.Name, from, names, machine.Report, CancellationToken.None);
        }
        catch (MomentException failure) when (failure.ErrorId == OperationErrors.ChangesUnknown && asked.Any(disk => !StoryDisk.IsKnown(disk.Moments[from], End(disk, to))))
        {
            counts.Unknown += asked.Length;
            return;
        }

        foreach (StoryDisk disk in asked)
        {
            VMChangedBlock[] own = [.. blocks.Where(block => block.Disk == disk.Name)];
            if (measures is not null)
                Assert.Equal(own.Sum(block => block.Length), measures.Single(measure => measure.Disk == disk.Name).Bytes);
            Check(from, to, disk, own);
        }
    }

    private static StoryMoment End(StoryDisk disk, string? moment) => moment is null ? disk.Now : disk.Moments[moment];

    private void Check(string from, string? to, StoryDisk disk, VMChangedBlock[] answer)
    {
        string where = $"from '{from}' to {(to is null ? "now" : $"'{to}'")} on '{disk.Name}'";
        StoryMoment then = disk.Moments[from], until = End(disk, to);
        // What a disk had more than it has now is not told: there is nothing any more that could be read or copied.
        long size = to is null ? disk.Content.Length : Math.Max(then.Content.Length, until.Content.Length), end = 0;
        HashSet<long> told = [];
        foreach (VMChangedBlock block in answer)
        {
            Assert.True(block.Offset >= end && block.Length > 0 && block.Offset + block.Length <= size, $"{where}: the run {block.Offset}+{block.Length} is out of order or off the disk");
            CheckUntold(where, then, until, end, block.Offset);
            end = block.Offset + block.Length;
            Assert.Equal(to is not null, block.Kind == "Written");
            Assert.True(block.Kind != "Zero" || !disk.Content.AsSpan((int)block.Offset, (int)block.Length).ContainsAnyExcept((byte)0), $"{where}: {block.Offset}+{block.Length} is said to be zeroes and is not");
            for (long grain = block.Offset / StoryDisk.Grain; grain * StoryDisk.Grain < end; grain++)
                told.Add(grain);
        }

        CheckUntold(where, then, until, end, size);
        if (!StoryDisk.IsExact(then, until))
        {
            counts.Superset++;
            return;
        }

        HashSet<long> written = StoryDisk.Written(then, until);
        Assert.True(told.SetEquals(written), $"{where}: told {string.Join(' ', told.Order())}, written {string.Join(' ', written.Order())}");
        counts.Exact++;
    }

    // To the byte: whoever copies what was told has all that differs.
    private static void CheckUntold(string where, StoryMoment then, StoryMoment until, long start, long end) =>
        Assert.True(StoryDisk.IsSame(then, until, start, end), $"TOO SMALL {where}: something differs within {start}+{end - start}, and nothing of it is told");

    private void CheckFile(byte[] expected, string path, string what)
    {
        AssertSame(expected, machine.Content(path), $"{what} is not what the disk held");
        counts.Restored++;
    }

    private static void AssertSame(byte[] expected, byte[] found, string what)
    {
        Assert.True(expected.Length == found.Length, $"{what}: {found.Length} bytes for {expected.Length}");
        int at = expected.AsSpan().CommonPrefixLength(found);
        Assert.True(at == expected.Length, $"{what}: differs from offset {at} (block {at / StoryDisk.Grain}) on");
    }
}
