using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Snapshots;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>The memory of a real QEMU: saved as a stream, given up without harm, and the machine goes on as it was.</summary>
public sealed class MemorySavingTests
{
    [SkippableTheory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task TheMachineGoesOnAsItWas(bool running, bool live)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await using BlockSession session = await OpenAsync(machine, running);
        string path = Path.Combine(machine.Scratch, "memory");
        bool switched = false;

        await MemorySaving.SaveAsync(
            session, path,
            async token =>
            {
                Assert.False((await session.Qmp.QueryStatusAsync(token)).Running);
                await session.Qmp.BitmapAddAsync("mt-vda", "at-switchover", persistent: true, null, disabled: false, token);
                switched = true;
            },
            live, goOn: true, null, CancellationToken.None);

        Assert.True(switched);
        Assert.Equal(running, (await session.Qmp.QueryStatusAsync(CancellationToken.None)).Running);
        Assert.Contains((await session.BitmapsAsync(CancellationToken.None))["vda"], bitmap => bitmap is { Name: "at-switchover", Persistent: true, Recording: true });
        Assert.Equal("QEVM"u8.ToArray(), File.ReadAllBytes(path)[..4]);
        Assert.Equal("600", Tool.Run("stat", "-c", "%a", path).Trim());
        Assert.False((await session.Qmp.QueryMigrateCapabilitiesAsync(CancellationToken.None))["pause-before-switchover"]);
        Assert.DoesNotContain(Directory.EnumerateFiles(session.RuntimeDirectory), file => Path.GetFileName(file).StartsWith("mem-", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task WhatFailsAtTheSwitchoverGivesAllUp()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await using BlockSession session = await OpenAsync(machine, running: true);
        string path = Path.Combine(machine.Scratch, "memory");

        await Assert.ThrowsAsync<InvalidOperationException>(() => MemorySaving.SaveAsync(session, path, _ => throw new InvalidOperationException("no"), live: false, goOn: true, null, CancellationToken.None));

        Assert.False(File.Exists(path));
        Assert.True((await session.Qmp.QueryStatusAsync(CancellationToken.None)).Running);
        await MemorySaving.SaveAsync(session, path, null, live: true, goOn: true, null, CancellationToken.None);
        Assert.True(File.Exists(path));
    }

    [SkippableFact]
    public async Task CancellingGivesItUp()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await using BlockSession session = await OpenAsync(machine, running: true);
        string path = Path.Combine(machine.Scratch, "memory");
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => MemorySaving.SaveAsync(session, path, null, live: false, goOn: true, null, cancel.Token));
        Assert.False(File.Exists(path));
        Assert.True((await session.Qmp.QueryStatusAsync(CancellationToken.None)).Running);
    }

    [SkippableFact]
    public async Task AFullDiskGivesItUpAndTheMachineGoesOn()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await using BlockSession session = await OpenAsync(machine, running: true);
        string small = Path.Combine(machine.Scratch, "small");
        using SmallFileSystem mounted = SmallFileSystem.Over(small, 1);
        string path = Path.Combine(small, "memory");
        bool switched = false;

        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => MemorySaving.SaveAsync(
            session, path,
            _ =>
            {
                switched = true;
                return Task.CompletedTask;
            },
            live: false, goOn: true, null, CancellationToken.None));

        Assert.Equal(MomentTools.Files.FileErrors.StorageFull, failure.ErrorId);
        Assert.False(switched);
        Assert.False(File.Exists(path));
        Assert.True((await session.Qmp.QueryStatusAsync(CancellationToken.None)).Running);
    }

    private static async Task<BlockSession> OpenAsync(TestMachine machine, bool running)
    {
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: !running, machine.Report, CancellationToken.None);
        var catalogue = new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"));
        DomainPlace place = catalogue.Place(TestMachine.Name);
        return await BlockSession.OpenAsync(place, catalogue.Load(place), ["vda"], BlockAccess.Change, CancellationToken.None);
    }
}
