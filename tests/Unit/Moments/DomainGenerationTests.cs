using MomentTools.Moments;
using MomentTools.Files;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Moments;

/// <summary>Readers take no lock: the generation tells them that what they read has moved.</summary>
public sealed class DomainGenerationTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void WhatMovedMeanwhileIsReadAgain()
    {
        int value = 0, reads = 0;
        int read = DomainGeneration.Steady(_scratch.Path, () =>
        {
            int seen = value;
            if (reads++ == 0)
                DomainGeneration.Change(_scratch.Path, () => value = 7);
            return seen;
        });
        Assert.Equal((7, 2), (read, reads));
    }

    [Fact]
    public async Task NobodySeesTheMiddleOfAChange()
    {
        File.WriteAllText(_scratch["a"], "0");
        File.WriteAllText(_scratch["b"], "0");
        using FileLock held = await DomainLock.TakeAsync(_scratch.Path, "test", TimeSpan.Zero, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        Task reader = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                (string a, string b) = DomainGeneration.Steady(_scratch.Path, () => (File.ReadAllText(_scratch["a"]), File.ReadAllText(_scratch["b"])));
                Assert.Equal(a, b);
            }
        });
        for (int number = 1; number <= 50; number++)
        {
            DomainGeneration.Change(_scratch.Path, () =>
            {
                Put(_scratch["a"], number);
                Thread.Sleep(1);
                Put(_scratch["b"], number);
            });
            await Task.Delay(2);
        }

        await stop.CancelAsync();
        await reader;
    }

    // Whole, and without a wait for the storage: that may take longer than a reader waits for a change.
    private static void Put(string path, int number)
    {
        File.WriteAllText(path + ".new", $"{number}");
        File.Move(path + ".new", path, overwrite: true);
    }

    [Fact]
    public void AWriterThatDiedInTheMiddleHoldsNobodyUp()
    {
        File.WriteAllText(_scratch["generation"], "5");
        int reads = 0;
        Assert.Equal(1, DomainGeneration.Steady(_scratch.Path, () => ++reads));
        DomainGeneration.Change(_scratch.Path, () => Assert.Equal("5", File.ReadAllText(_scratch["generation"])));
        Assert.Equal("6", File.ReadAllText(_scratch["generation"]));
    }

    [Fact]
    public void ANumberThatCannotBeReadIsAStart()
    {
        File.WriteAllText(_scratch["generation"], "garbage");
        Assert.Equal("x", DomainGeneration.Steady(_scratch.Path, () => "x"));
        DomainGeneration.Change(_scratch.Path, () => { });
        Assert.Equal("2", File.ReadAllText(_scratch["generation"]));
    }
}
