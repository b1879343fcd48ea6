using MomentTools.Errors;

namespace MomentTools.Bench;

/// <summary>A machine with one disk in the scratch directory, and an engine that keeps its state there.</summary>
internal sealed class Machine : IOperationReport, IAsyncDisposable
{
    public const string Name = "bench";

    private Machine(string scratch)
    {
        Disk = Path.Combine(scratch, "vda.qcow2");
        Engine = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(scratch, "state"), RuntimeRoot = Path.Combine(scratch, "run") });
    }

    public MomentEngine Engine { get; }

    public string Disk { get; }

    /// <summary>Makes the disk, writes <paramref name="data"/> bytes that do not compress into it, and registers the machine.</summary>
    public static async Task<Machine> RegisterAsync(string scratch, long size, int data, CancellationToken cancellation)
    {
        var machine = new Machine(scratch);
        string raw = Path.Combine(scratch, "raw");
        await using (FileStream file = File.Create(raw))
        {
            byte[] block = new byte[1 << 20];
            var random = new Random(1);
            for (int written = 0; written < data; written += block.Length)
            {
                random.NextBytes(block);
                await file.WriteAsync(block, cancellation);
            }

            file.SetLength(size);
        }

        await Tool.RunAsync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, machine.Disk], cancellation);
        File.Delete(raw);
        string xml = $"""
            <domain type='qemu'>
              <name>{Name}</name>
              <uuid>{Guid.NewGuid()}</uuid>
              <memory unit='MiB'>64</memory>
              <os><type arch='x86_64' machine='q35'>hvm</type></os>
              <devices>
                <disk type='file' device='disk'>
                  <driver name='qemu' type='qcow2'/><source file='{machine.Disk}'/><target dev='vda' bus='virtio'/>
                </disk>
              </devices>
            </domain>
            """;
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine, cancellation);
        return machine;
    }

    public async ValueTask DisposeAsync()
    {
        if ((await Engine.GetDomainAsync(Name, this, CancellationToken.None)).State != VMState.Stopped)
            await Engine.StopDomainAsync(Name, force: true, TimeSpan.FromSeconds(10), this, CancellationToken.None);
    }

    public void Warning(string text) => Console.Error.WriteLine(text);

    public void Verbose(string text)
    {
        // Only the time counts here.
    }

    public void Progress(OperationProgress progress)
    {
        // Only the time counts here.
    }

    public void Failure(MomentException failure) => throw failure;
}
