using System.Globalization;
using System.Text.Json;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>Bitmaps that somebody else makes, as QEMU and qemu-img make them.</summary>
internal static class ForeignMachine
{
    /// <summary>A bitmap that records from now on, made behind our back.</summary>
    public static async Task ForeignAsync(this TestMachine machine, string name, string disk = "vda", long granularity = 65536, bool persistent = true)
    {
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
        {
            Tool.Run("qemu-img", "bitmap", "--add", "-g", granularity.ToString(CultureInfo.InvariantCulture), "-f", "qcow2", machine.DiskPath(disk), name);
            return;
        }

        await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block-dirty-bitmap-add", JsonSerializer.Serialize(new { node = "mt-" + disk, name, granularity, persistent }), CancellationToken.None);
    }

    public static Task<IReadOnlyList<VMMoment>> AdoptAsync(this TestMachine machine, params string[] bitmaps) => machine.AdoptAsync(new ImportBitmapsRequest
    {
        Bitmaps = bitmaps.ToDictionary(name => name, _ => (IReadOnlyList<string>)[], StringComparer.Ordinal),
    });

    public static Task<IReadOnlyList<VMMoment>> AdoptAsync(this TestMachine machine, ImportBitmapsRequest request) =>
        machine.Engine.ImportBitmapsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    public static Task<IReadOnlyList<VMMomentDocument>> HandOverAsync(this TestMachine machine, string? directory = null) =>
        machine.Engine.HandOverMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Path = directory ?? Path.Combine(machine.Scratch, "out") }, machine.Report, CancellationToken.None);

    public static async Task<IReadOnlyList<(long Offset, long Length)>> BetweenAsync(this TestMachine machine, string from, string to, string disk = "vda") =>
        [.. (await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, to, [disk], machine.Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))];
}
