using MomentTools.Cmdlets.Pipeline;

namespace MomentTools.Tests.Cmdlets;

public sealed class PipelinePumpTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void CallsRunInOrderOnTheThreadThatRan()
    {
        var pump = new PipelinePump();
        int caller = Environment.CurrentManagedThreadId;
        var seen = new List<(int Call, int Thread)>();

        int result = pump.Run(
            async cancellation =>
            {
                for (int call = 0; call < 500; call++)
                {
                    int number = call;
                    pump.Post(() => seen.Add((number, Environment.CurrentManagedThreadId)));
                    if (call % 100 == 0)
                        await Task.Delay(1, cancellation);
                }

                return 42;
            },
            CancellationToken.None);

        Assert.Equal(42, result);
        Assert.Equal(Enumerable.Range(0, 500), seen.Select(entry => entry.Call));
        Assert.All(seen, entry => Assert.Equal(caller, entry.Thread));
    }

    [Fact]
    public void StopWaitsForTheCleanUpOfTheWork()
    {
        var pump = new PipelinePump();
        using var stop = new CancellationTokenSource();
        bool cleanedUp = false;

        Assert.ThrowsAny<OperationCanceledException>(() => pump.Run(
            async cancellation =>
            {
                try
                {
                    stop.CancelAfter(20);
                    await Task.Delay(Patience, cancellation);
                    return true;
                }
                finally
                {
                    await Task.Delay(200, CancellationToken.None);
                    cleanedUp = true;
                }
            },
            stop.Token));

        Assert.True(cleanedUp);
    }

    [Fact]
    public void WhatTheCleanUpSaysAfterAStopIsHeard()
    {
        var pump = new PipelinePump();
        using var stop = new CancellationTokenSource();
        var heard = new List<string>();

        Assert.ThrowsAny<OperationCanceledException>(() => pump.Run(
            async cancellation =>
            {
                try
                {
                    stop.CancelAfter(20);
                    await Task.Delay(Patience, cancellation);
                    return true;
                }
                finally
                {
                    pump.Post(() => heard.Add("undone"));
                }
            },
            stop.Token));

        Assert.Equal(["undone"], heard);
    }

    [Fact]
    public void ACallThatThrowsCancelsTheWorkAndWaitsForIt()
    {
        var pump = new PipelinePump();
        bool cancelled = false;
        bool cleanedUp = false;
        int laterCalls = 0;

        var thrown = Assert.Throws<InvalidTimeZoneException>(() => pump.Run(
            async cancellation =>
            {
                try
                {
                    pump.Post(() => throw new InvalidTimeZoneException("downstream has enough"));
                    pump.Post(() => laterCalls++);
                    await Task.Delay(Patience, cancellation);
                    return true;
                }
                finally
                {
                    cancelled = cancellation.IsCancellationRequested;
                    await Task.Delay(100, CancellationToken.None);
                    cleanedUp = true;
                }
            },
            CancellationToken.None));

        Assert.Equal("downstream has enough", thrown.Message);
        Assert.True(cancelled);
        Assert.True(cleanedUp);
        Assert.Equal(0, laterCalls);
    }

    [Fact]
    public void TheWorksOwnExceptionArrivesAsItIs()
    {
        var pump = new PipelinePump();
        var reason = new InvalidTimeZoneException("no");

        var thrown = Assert.Throws<InvalidTimeZoneException>(() => pump.Run<bool>(_ => throw reason, CancellationToken.None));

        Assert.Same(reason, thrown);
    }

    [Fact]
    public void AllThatWasPostedBeforeTheEndIsRun()
    {
        for (int round = 0; round < 200; round++)
        {
            var pump = new PipelinePump();
            int calls = 0;
            pump.Run(
                _ =>
                {
                    Parallel.For(0, 8, _ => pump.Post(() => calls++));
                    return Task.FromResult(true);
                },
                CancellationToken.None);
            Assert.Equal(8, calls);
        }
    }

    [Fact]
    public void ACallAfterTheEndIsDropped()
    {
        var pump = new PipelinePump();
        bool called = false;
        pump.Run(_ => Task.FromResult(true), CancellationToken.None);

        pump.Post(() => called = true);

        Assert.False(called);
    }
}
