using System.Buffers.Binary;
using MomentTools.Tests.Machines;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots under a guest that really runs: all disks at one instant, and held still where that is asked for.</summary>
public sealed class BlockSnapshotGuestTests
{
    private const int CountOffset = 1 << 20;

    // A boot sector for SeaBIOS, 16-bit code loaded at 7c00, that writes one count to the first disk, then to the second, without a pause:
    //   xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,7c00; sti
    //   next: inc dword [8000]; mov si,packet; mov ax,4300; mov dl,80; int 13; mov si,packet; mov ax,4300; mov dl,81; int 13; jmp next
    //   packet: one sector at LBA 2048, from 8000
    private static readonly byte[] Code = Convert.FromHexString("31C08ED88EC08ED0BC007CFB66FF060080BE277CB80043B280CD13BE277CB80043B281CD13EBE510000100008000000008000000000000");

    [SkippableFact]
    public async Task NoDiskShowsAWriteThatCameAfterOneThatAnotherDoesNotShow()
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await using var fleece = new FleeceMachine(machine);
        await CountingGuest.BootAsync(machine, Code);
        // A disk that no order names is not there for the guest's BIOS.
        string xml = machine.Xml();
        foreach ((string disk, int order) in (IEnumerable<(string, int)>)[("vda", 1), ("vdb", 2)])
            xml = xml.Replace($"<target dev='{disk}' bus='virtio'/>", $"<target dev='{disk}' bus='virtio'/><boot order='{order}'/>", StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, Update = true }, machine.Report, CancellationToken.None);
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        string before = await fleece.CountAsync();
        uint last = 0;
        for (int round = 0; round < 8; round++)
        {
            string name = $"r{round}";
            uint first, second;
            do
            {
                await fleece.NewAsync(name);
                (first, second) = (Count(await fleece.ReadAsync(name, "vda")), Count(await fleece.ReadAsync(name, "vdb")));
                await fleece.RemoveAsync(name);
            }
            while (second == 0); // It boots yet.

            Assert.True(first == second || first == second + 1, $"round {round}: the first disk shows {first}, the second {second}");
            Assert.True(first > last, "the guest does not write");
            last = first;
        }

        Assert.Equal(before, await fleece.CountAsync());
        Assert.Equal("running", await fleece.StatusAsync());
    }

    [SkippableFact]
    public async Task AGuestIsHeldStillForTheInstantAlone()
    {
        FakeGuestAgent? agent = null;
        Dictionary<string, bool> frozen = new(StringComparer.Ordinal);
        await using TestFleet fleet = await TestFleet.CreateAsync(step => frozen[step] = agent?.Frozen == true, channel: true, "a");
        await using (agent = await fleet.StartWithAgentAsync("a"))
        {
            foreach (string? checkpoint in (string?[])[null, "instant"])
            {
                frozen.Clear();
                VMBlockSnapshot made = await fleet.Engine.CreateBlockSnapshotAsync("a", new CreateBlockSnapshotRequest { Quiesce = true, NewCheckpoint = checkpoint }, fleet.Report, CancellationToken.None);
                Assert.False(frozen["block-snapshot-create:nodes"]);
                Assert.True(frozen[$"block-snapshot-create:{(checkpoint is null ? "instant" : "transaction")}"]);
                Assert.True(frozen["block-snapshot-create:taken"]);
                Assert.False(frozen["block-snapshot-create:views"]);
                Assert.False(agent.Frozen);
                await fleet.Engine.RemoveBlockSnapshotAsync("a", made.Name, fleet.Report, CancellationToken.None);
            }
        }

        await fleet.AssertNothingLeftAsync("after");
    }

    private static uint Count(byte[] disk) => BinaryPrimitives.ReadUInt32LittleEndian(disk.AsSpan(CountOffset));
}
