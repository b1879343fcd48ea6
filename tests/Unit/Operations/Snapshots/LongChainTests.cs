using MomentTools.Errors;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>A chain that is too long to be opened again is never made.</summary>
public sealed class LongChainTests
{
    [SkippableFact]
    public async Task TheLayerThatWouldBeTooManyIsRefusedAndTheMachineStillStarts()
    {
        const int images = 200;
        await using TestMachine machine = await TestMachine.CreateAsync();
        string below = machine.DiskPath("vda");
        for (int number = 1; number < images; number++)
        {
            string above = Path.Combine(machine.Scratch, $"{number}.qcow2");
            Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", below, "-F", "qcow2", above, "64M");
            below = above;
        }

        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace(machine.DiskPath("vda"), below, StringComparison.Ordinal), Update = true }, machine.Report, CancellationToken.None);
        await machine.SnapshotAsync("last");
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.SnapshotAsync("more"));
        Assert.Equal(SnapshotCreationErrors.ChainTooLong, refused.ErrorId);
        Assert.Equal("last", Assert.Single(await machine.MomentsAsync()).Name);
        Assert.Equal(VMState.Paused, (await machine.StartAsync()).State);
        await machine.WriteAsync("vda", 1, 0, 65536);
        Assert.Equal([(0, 65536)], await machine.ChangesAsync("last"));
        refused = await Assert.ThrowsAsync<MomentException>(() => machine.SnapshotAsync("more", request => request with { DiskOnly = true }));
        Assert.Equal(SnapshotCreationErrors.ChainTooLong, refused.ErrorId);
    }
}
