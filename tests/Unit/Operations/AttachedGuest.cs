using System.Text.Json;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>A machine that somebody else started, with disks and devices of all kinds; its disks are i0.img, i1.img, and so on.</summary>
internal sealed class AttachedGuest : IAsyncDisposable
{
    public const string Name = "guest";

    private readonly string[] _tools;

    /// <param name="tools">What its test needs beside QEMU.</param>
    public AttachedGuest(params string[] tools)
    {
        _tools = tools;
        Engine = new MomentEngine(new MomentEngineOptions { StateRoot = Scratch["state"], RuntimeRoot = Scratch["run"], LockTimeout = TimeSpan.FromMinutes(2) });
    }

    public MomentEngine Engine { get; }

    public ScratchDirectory Scratch { get; } = new();

    public TestReport Report { get; } = new();

    /// <summary>Starts and registers it.</summary>
    /// <param name="disks">The format, the size, and what of QEMU's command line makes the device; the disks' nodes are d0, d1, and so on.</param>
    /// <returns>The names of the disks, in their order.</returns>
    public async Task<string[]> StartAsync(params (string Format, long Size, string[] Device)[] disks)
    {
        Tool.Require(["qemu-system-x86_64", "qemu-img", "qemu-io", .. _tools]);
        List<string> line = ["-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-daemonize", "-pidfile", Scratch["pid"], "-qmp", $"unix:{Scratch["q"]},server=on,wait=off"];
        for (int index = 0; index < disks.Length; index++)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", disks[index].Format, Image(index), $"{disks[index].Size}");
            bool readOnly = disks[index].Device.Any(word => word.StartsWith("ide-cd", StringComparison.Ordinal));
            line.AddRange(["-blockdev", JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["driver"] = disks[index].Format, ["node-name"] = $"d{index}", ["read-only"] = readOnly, ["file"] = new { driver = "file", filename = Image(index) },
            })]);
            line.AddRange(disks[index].Device);
        }

        Tool.Run("qemu-system-x86_64", [.. line]);
        VMDomain domain = await Engine.RegisterDomainAsync(new RegisterDomainRequest { Name = Name, Monitor = "unix:" + Scratch["q"] }, Report, CancellationToken.None);
        return [.. Enumerable.Range(0, disks.Length).Select(index => domain.Disks.Single(disk => disk.Path == Image(index)).Name)];
    }

    public string Image(int index) => Scratch[$"i{index}.img"];

    public Task<JsonElement> QmpAsync(string command, string? arguments = null) => Engine.InvokeQmpAsync(Name, command, arguments, CancellationToken.None);

    /// <summary>The names of all nodes, to be compared.</summary>
    public async Task<string> NodesAsync() => string.Join(
        ' ', (await QmpAsync("query-named-block-nodes", """{"flat":true}""")).EnumerateArray().Select(node => node.GetProperty("node-name").GetString()).Order(StringComparer.Ordinal));

    /// <summary>Writes into all disks that can be written, as their devices do.</summary>
    public Task WriteAllAsync(byte pattern, long offset, long length) => EachAsync($"write -P {pattern} {offset} {length}");

    /// <summary>Brings to stable storage what they wrote.</summary>
    public Task FlushAllAsync() => EachAsync("flush");

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(Scratch["pid"]))
            await QmpAsync("quit");
        Scratch.Dispose();
    }

    private async Task EachAsync(string command)
    {
        foreach (JsonElement device in (await QmpAsync("query-block")).EnumerateArray().Where(device => !device.GetProperty("inserted").GetProperty("ro").GetBoolean()))
        {
            string path = device.GetProperty("qdev").GetString()!;
            string line = $"qemu-io -d {(path.StartsWith('/') ? path : "/machine/peripheral/" + path)} \"{command}\"";
            Assert.Equal("", (await QmpAsync("human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["command-line"] = line }))).GetString());
        }
    }
}
