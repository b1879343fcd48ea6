using System.Diagnostics;
using System.Globalization;

namespace MomentTools.Bench;

/// <summary>A machine whose disk has, since a checkpoint, many runs of one block that were written, with as much between them.</summary>
internal static class DirtyMachine
{
    public const int Block = 64 << 10;
    public const string Checkpoint = "before";

    /// <summary>Registers the machine, takes the checkpoint, and writes the runs: zeroes, which mark the bitmap and the image's tables and take no room.</summary>
    public static async Task<Machine> RegisterAsync(string scratch, int runs, long size, CancellationToken cancellation)
    {
        Machine machine = await Machine.RegisterAsync(scratch, size, 0, 1, cancellation);
        await machine.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest { Name = Checkpoint }, machine, cancellation);
        var start = new ProcessStartInfo("qemu-io", ["-f", "qcow2", machine.Disk]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process writer = Process.Start(start)!;
        Task drain = writer.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancellation);
        long step = size / runs / Block * Block;
        for (long run = 0; run < runs; run++)
            await writer.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"write -z {run * step} {Block}").AsMemory(), cancellation);
        writer.StandardInput.Close();
        await drain;
        await writer.WaitForExitAsync(cancellation);
        return machine;
    }

    /// <summary>Asks for the runs, or for their sum alone, and looks at each.</summary>
    public static async Task<(int Count, long Bytes)> AskAsync(Machine machine, bool sum, CancellationToken cancellation)
    {
        if (sum)
        {
            VMChangedBlockMeasure measure = (await machine.Engine.MeasureChangedBlocksAsync(Machine.Name, Checkpoint, [], machine, cancellation)).Single();
            return (measure.Count, measure.Bytes);
        }

        (int count, long bytes) = (0, 0);
        foreach (VMChangedBlock block in await machine.Engine.GetChangedBlocksAsync(Machine.Name, Checkpoint, [], machine, cancellation))
            (count, bytes) = (count + 1, bytes + block.Length);
        return (count, bytes);
    }
}
