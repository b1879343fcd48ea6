using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

/// <summary>A storage daemon that serves a real qcow2 image on its private server, as a source of relays does.</summary>
internal sealed class RelaySource : IAsyncDisposable
{
    public const long Size = 64 << 20;
    private const long Grain = 65536;

    private readonly ScratchDirectory _scratch;

    private RelaySource(ServingDaemon daemon, NbdAddress address, ScratchDirectory scratch)
    {
        _scratch = scratch;
        Daemon = daemon;
        Address = address;
        Place = new DomainPlace("web", scratch["s"], scratch["r"]);
    }

    public static ExtentMap Dirty { get; } = ExtentMap.Of(new Extent(0, Grain), new Extent(20 << 20, 3 * Grain), new Extent(Size - Grain, Grain));

    public ServingDaemon Daemon { get; }

    public NbdAddress Address { get; }

    public DomainPlace Place { get; }

    public string this[string name] => _scratch[name];

    public static async Task<RelaySource> StartAsync(bool writable = false)
    {
        Tool.Require("qemu-storage-daemon", "qemu-img", "qemu-io");
        var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["a"], "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 5 1M 2M", "-c", "write -z 30M 1M", "-c", "write -P 9 60M 64k", scratch["a"]);
        ServingDaemon daemon = await ServingDaemon.StartAsync(scratch["r"], "source", CancellationToken.None);
        await daemon.Qmp.BlockdevAddAsync(
            JsonNode.Parse($$$"""{"driver":"qcow2","node-name":"d","read-only":{{{(writable ? "false" : "true")}}},"file":{"driver":"file","filename":"{{{scratch["a"]}}}"} }""")!.AsObject(),
            CancellationToken.None);
        NbdAddress address = await PrivateServer.AddExportAsync(daemon.Qmp, scratch["r"], null, "mt-e-0-0", "d", "inner", [], writable, CancellationToken.None);
        return new RelaySource(daemon, address, scratch);
    }

    public RelayExport Export(int number, string name, bool dirty = true, bool writable = false) =>
        new($"mt-e-0123456789ab-{number}", name, Address, "inner", dirty ? "mt-ctx" : null, dirty ? Dirty : null, writable);

    public Task<(ServingDaemon Daemon, NbdAddress Bound)> RelayAsync(string address, params RelayExport[] exports) => RelayAsync(new RelayRequest(NbdAddress.Parse(address), null, null, null, exports));

    public Task<(ServingDaemon Daemon, NbdAddress Bound)> RelayAsync(RelayRequest request) => Relay.StartAsync(Place, "relay", request, CancellationToken.None);

    /// <summary>What nbdinfo tells of a context: offset, length and type of each run.</summary>
    public static (long Offset, long Length, int Type)[] Map(string uri, string context) =>
        [.. JsonDocument.Parse(Tool.Run("nbdinfo", $"--map={context}", "--json", uri)).RootElement.EnumerateArray()
            .Select(run => (run.GetProperty("offset").GetInt64(), run.GetProperty("length").GetInt64(), run.GetProperty("type").GetInt32()))];

    public async ValueTask DisposeAsync()
    {
        foreach (HostProcess process in HostProcess.All().Where(process => process.CommandLine.Any(argument => argument.Contains(_scratch.Path + "/", StringComparison.Ordinal))).ToArray())
        {
            process.Signal(HostProcess.Kill);
            await process.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        }

        await Daemon.DisposeAsync();
        _scratch.Dispose();
    }
}
