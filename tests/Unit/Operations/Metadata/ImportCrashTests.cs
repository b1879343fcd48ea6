using System.Globalization;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>An import and a bitmap without metadata, killed at each of their steps: all of it is there afterwards, or nothing.</summary>
public sealed class ImportCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;
    private const int MostSteps = 60;

    [SkippableFact]
    public async Task AKilledImportIsWholeOrNotThere()
    {
        for (int step = 1; step <= MostSteps; step++)
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

            bool survived = Run(machine, step, "import", file);
            if (!survived)
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
            if (survived)
            {
                output.WriteLine($"import: {step - 1} points of death tried");
                return;
            }
        }

        Assert.Fail("The operation has no end.");
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
        for (int step = 1; step <= MostSteps; step++)
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            if (running)
                await machine.StartAsync();
            await machine.CheckpointAsync("a");
            bool survived = Run(machine, step, "bitmap", "theirs");
            await machine.CheckpointAsync("b");
            IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
            Assert.All(bitmaps.Where(bitmap => bitmap.State == VMBitmapState.Foreign), bitmap => Assert.Equal("theirs", bitmap.Name));
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
            if (survived)
            {
                Assert.Contains(bitmaps, bitmap => bitmap.Name == "theirs");
                output.WriteLine($"bitmap: {step - 1} points of death tried");
                return;
            }
        }

        Assert.Fail("The operation has no end.");
    }

    private static bool Run(TestMachine machine, int step, string operation, string argument)
    {
        (int exit, _, string error) = Tool.TryRun(
            "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"),
            TestMachine.Name, step.ToString(CultureInfo.InvariantCulture), operation, argument);
        Assert.True(exit is 0 or 137, $"step {step} of {operation} ended with {exit}: {error}");
        return exit == 0;
    }
}
