using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// A process dies when the machine has a restore's new images already, but before that was decided. Somebody lets the guest go on there, and it
/// shuts down: what it wrote is in the new images alone.
/// </summary>
public sealed class WrittenOverlayTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task WhatAGuestWroteToAnUndecidedImageIsKeptWhenItHasEnded()
    {
        TestMachine? story = null;
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (story is not null && step.EndsWith(":decide", StringComparison.Ordinal))
                Tool.Run("cp", "-a", Path.Combine(story.Scratch, "state"), Path.Combine(story.Scratch, "dead"));
        });
        await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        story = machine;
        await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean", Branch = "try" }, machine.Report, CancellationToken.None);
        string fresh = await machine.ActivePathAsync("vda");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.StopAsync();
        byte[] content = machine.Content(fresh);
        Directory.Move(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "decided"));
        Directory.Move(Path.Combine(machine.Scratch, "dead"), Path.Combine(machine.Scratch, "state"));

        await machine.CheckpointAsync("after");

        Assert.Equal(fresh, await machine.ActivePathAsync("vda"));
        Assert.True(content.AsSpan().SequenceEqual(machine.Content(fresh)));
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("Finished the operation", StringComparison.Ordinal));
    }
}
