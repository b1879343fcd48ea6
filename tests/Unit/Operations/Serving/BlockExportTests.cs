using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Exports of running machines, read by clients that no one here wrote: rows E4 to E6.</summary>
public sealed class BlockExportTests
{
    [SkippableFact]
    public async Task EveryClientReadsTheInstantWhileTheMachineWrites()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(20);
        string before = await machine.TracesAsync();
        VMBlockExport export = await machine.StartOneAsync();
        byte[] expected = machine.Bytes();
        Assert.Equal((VMServiceState.Ready, ExportMachine.Size, "vda", 0), (export.State, export.Size, export.ExportName, export.Clients));

        string direct = Path.Combine(machine.Machine.Scratch, "direct"), image = Path.Combine(machine.Machine.Scratch, "image"), through = Path.Combine(machine.Machine.Scratch, "through");
        Task[] readers =
        [
            Task.Run(() => Tool.Run("nbdcopy", export.Uri.ToString(), direct)),
            Task.Run(() => Tool.Run("qemu-img", "convert", "-f", "raw", "-O", "raw", export.Uri.ToString(), image)),
            Task.Run(() => Tool.Run("nbdkit", "-U", "-", "nbd", $"uri={export.Uri}", "--run", $"nbdcopy \"$uri\" '{through}'")),
        ];
        await machine.WriteAsync(60);
        await Task.WhenAll(readers);
        foreach (string copy in (string[])[direct, image, through])
            Assert.True(File.ReadAllBytes(copy).AsSpan().SequenceEqual(expected), copy);
        Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(expected));
        foreach (string copy in (string[])[direct, image, through])
            File.Delete(copy);

        Assert.Equal(export.Uri, Assert.Single(await machine.StopAsync()).Uri);
        Assert.Equal(before, await machine.TracesAsync());
        Assert.Empty(await machine.StopAsync());
        Assert.Empty(machine.Machine.Report.Failures);
    }
}
