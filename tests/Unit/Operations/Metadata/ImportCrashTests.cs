using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>An import and a bitmap without metadata, killed at each of their steps: all of it is there afterwards, or nothing.</summary>
[Trait("Proof", "crash")]
public sealed class ImportCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task AKilledImportIsWholeOrNotThere()
    {
        await CrashHarness.RunAsync(output, "import", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            await machine.CheckpointAsync("a");
            await machine.WriteAsync("vda", 1, 0, Grain);
            await machine.CheckpointAsync("b");
            string file = Path.Combine(machine.Scratch, "all.xml");
            await File.WriteAllTextAsync(file, await machine.ExportAsync());
            foreach (string folder in (string[])["checkpoints", "branches", "segments"])
                Directory.Delete(Path.Combine(machine.StateDirectory, folder), recursive: true);
            File.Delete(Path.Combine(machine.StateDirectory, "disks.xml"));

            bool died = machine.Dies(step, "import", file);
            if (died)
            {
                // Any changing command recovers first; a second import says whether the first one came to be.
                try
                {
                    await machine.ImportAsync(new ImportMomentsRequest { Paths = [file] });
                }
                catch (Errors.MomentException failure)
                {
                    Assert.Equal(MomentTools.Moments.MomentErrors.MomentExists, failure.ErrorId);
                }
            }

            await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
            Assert.Equal(["a", "b"], (await machine.MomentsAsync()).Select(moment => moment.Name));
            Assert.Equal([(0, Grain), (2 * Grain, Grain)], await machine.ChangesAsync("a"));
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            Assert.Single(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")));
            return died;
        }, each: true);
    }

    [SkippableFact]
    public async Task WhatAKilledImportWasStillWritingIsWrittenAgain()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("b");
        string file = Path.Combine(machine.Scratch, "all.xml");
        await File.WriteAllTextAsync(file, await machine.ExportAsync());
        foreach (string folder in (string[])["checkpoints", "branches"])
            Directory.Delete(Path.Combine(machine.StateDirectory, folder), recursive: true);
        File.Delete(Path.Combine(machine.StateDirectory, "disks.xml"));
        string half = Assert.Single(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")));
        await File.WriteAllBytesAsync(half, (await File.ReadAllBytesAsync(half))[..^1]);

        await machine.ImportAsync(new ImportMomentsRequest { Paths = [file] });

        Assert.True(new MomentTools.Moments.SegmentFile(Path.GetDirectoryName(half)!).IsWhole(Path.GetFileName(half)));
        Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AKilledBitmapIsMadeOrGone(bool running)
    {
        await CrashHarness.RunAsync(output, "bitmap", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            if (running)
                await machine.StartAsync();
            await machine.CheckpointAsync("a");
            bool died = machine.Dies(step, "bitmap", "theirs");
            await machine.CheckpointAsync("b");
            IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
            Assert.All(bitmaps.Where(bitmap => bitmap.State == VMBitmapState.Foreign), bitmap => Assert.Equal("theirs", bitmap.Name));
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
            if (!died)
                Assert.Contains(bitmaps, bitmap => bitmap.Name == "theirs");
            return died;
        }, each: true);
    }
}
