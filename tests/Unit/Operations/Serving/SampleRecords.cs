using FsCheck;
using FsCheck.Fluent;
using MomentTools.Machines.Serving;
using MomentTools.Operations.Serving;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Records of block snapshots and block exports as operations make them.</summary>
internal static class SampleRecords
{
    private static readonly DateTimeOffset Start = new(2026, 11, 21, 10, 0, 0, TimeSpan.FromHours(1));

    private static readonly Gen<string> Words = Gen.Elements("x", "<&>\"'", "é 😀", "a-b.c", "]]>");

    private static readonly Gen<string> Ids = Gen.Choose(0, int.MaxValue).Select(number => number.ToString("x12", null));

    private static readonly Gen<DateTimeOffset> Times = Gen.Choose(0, int.MaxValue).Select(number => Start.AddTicks(number * 77L));

    private static readonly Gen<ServingProcess?> Processes =
        from process in Gen.Choose(1, int.MaxValue)
        from word in Words
        from none in Gen.Elements(true, false)
        select none ? null : new ServingProcess(process, process * 5L, $"/run/{word}/qmp");

    private static readonly Gen<ServiceOwner> Owners =
        from kind in Gen.Choose(0, 2)
        from id in Ids
        from time in Times
        from leased in Gen.Elements(true, false)
        select kind switch
        {
            0 => new ServiceOwner(VMServiceOwner.Machine, null, null, leased ? time : null, null),
            1 => new ServiceOwner(VMServiceOwner.Session, 1 + time.Millisecond, time.UtcTicks, leased ? time : null, null),
            _ => ServiceOwner.Export(id),
        };

    private static readonly Gen<BlockSnapshotRecordDisk> SnapshotDisks =
        from method in Gen.Elements(BlockSnapshotRecordDisk.CopyBeforeWrite, BlockSnapshotRecordDisk.Backup, BlockSnapshotRecordDisk.Image)
        from word in Words
        from number in Gen.Choose(0, int.MaxValue)
        let bare = method == BlockSnapshotRecordDisk.Image
        select new BlockSnapshotRecordDisk(
            "", 0, "mt-node" + word, bare ? null : "/machine/" + word, method, number * 512L, bare ? null : $"/s/{number} {word}",
            bare ? 0 : ulong.MaxValue - (uint)number, bare ? 0 : (ulong)number, number % 2 == 0 ? null : number, number % 3 == 0 ? null : "p" + word, number % 5 == 0 ? null : "mt-bs-" + word,
            number % 7 == 0 ? null : number.ToString("x8", null), number % 11 == 0 ? null : word);

    /// <summary>Random block snapshots.</summary>
    public static readonly Gen<BlockSnapshotRecord> Snapshots =
        from id in Ids
        from name in Gen.Elements("tonight", "a b <&> é", "n")
        from created in Times
        from owner in Owners
        from checkpoint in Gen.Elements("monday", null)
        from daemon in Processes
        from disks in SnapshotDisks.NonEmptyListOf()
        select new BlockSnapshotRecord(id, name, created, owner, checkpoint, daemon, [.. disks.Take(30).Select((disk, index) => disk with
        {
            Name = $"vd{index}", Number = index, ScratchPath = disk.ScratchPath is null ? null : disk.ScratchPath + index,
        })]);

    /// <summary>Random block exports.</summary>
    public static readonly Gen<BlockExportRecord> Exports =
        from id in Ids
        from created in Times
        from owner in Owners
        from address in Gen.Elements("unix:///run/mt/é & <x>", "tcp://127.0.0.1:10809", "tcp://[::1]:1", "tcp://backup.example:65535")
        from flags in Gen.Choose(0, 63)
        from source in Processes
        from relay in Processes
        from words in Words.NonEmptyListOf()
        select new BlockExportRecord(
            id, created, owner, address, (flags & 1) != 0, (flags & 2) != 0, (flags / 4 % 3) switch { 0 => "x509", 1 => "psk", _ => null }, (flags & 16) != 0 ? "20261121T100000" : null,
            (flags & 32) != 0 ? "/backup of é" : null, source, relay, [.. words.Take(30).Select((word, index) => new BlockExportRecordDisk(
                $"vd{index}", index * 3, $"{word}{index}", "node" + word, index % 2 == 0 ? "tonight" : null, index % 3 == 0 ? "snapshot:before it" : null, index % 3 == 0 ? "qemu:dirty-bitmap:" + word : null, index * 512L))]);

    /// <summary>A plain block snapshot of one disk.</summary>
    public static BlockSnapshotRecord Snapshot(string name, string id) => new(
        id, name, Start, new ServiceOwner(VMServiceOwner.Machine, null, null, null, null), "monday", null,
        [new BlockSnapshotRecordDisk("vda", 0, "d0", "/machine/peripheral/vda", BlockSnapshotRecordDisk.CopyBeforeWrite, 1 << 20, "/s/vda", 5, 7, 4096, "p1", "mt-bs-1", null, null)]);

    /// <summary>A plain export of one disk.</summary>
    public static BlockExportRecord Export(string id, DateTimeOffset? created = null) => new(
        id, created ?? Start, new ServiceOwner(VMServiceOwner.Machine, null, null, null, null), "tcp://127.0.0.1:10809", Private: false, Writable: false, "x509", null, null, null,
        new ServingProcess(4711, 99, "/run/r/qmp"), [new BlockExportRecordDisk("vda", 0, "vda-tonight", "mt-bs-1-0-a", "tonight", "monday", "qemu:dirty-bitmap:mt-e", 1 << 20)]);
}
