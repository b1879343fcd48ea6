using System.Text.Json;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>A machine whose every byte is known, so that what NBD clients read can be held against what was written; and all that an export may leave behind.</summary>
internal sealed class ExportMachine : IAsyncDisposable
{
    public const long Grain = 65536;
    public const long Size = 16 << 20;

    private readonly Dictionary<string, byte[]> _bytes;
    private readonly Random _random;

    private ExportMachine(TestMachine machine, int seed)
    {
        Machine = machine;
        _random = new Random(seed);
        _bytes = machine.Disks.ToDictionary(disk => disk, _ => new byte[Size], StringComparer.Ordinal);
    }

    public TestMachine Machine { get; }

    /// <summary>The blocks that a test wrote and wants to find again.</summary>
    public HashSet<long> Written { get; set; } = [];

    public MomentEngine Engine => Machine.Engine;

    public string RuntimeDirectory => Directory.EnumerateDirectories(Path.Combine(Machine.Scratch, "run")).Single();

    public static async Task<ExportMachine> CreateAsync(bool running, Action<string>? probe = null, params string[] disks)
    {
        Tool.Require("nbdinfo", "nbdcopy", "qemu-img", "nbdkit");
        var made = new ExportMachine(await TestMachine.CreateAsync(Size, discard: false, probe, disks.Length == 0 ? ["vda"] : disks), 7);
        if (running)
            await made.Machine.StartAsync();
        return made;
    }

    /// <summary>What a disk holds now.</summary>
    public byte[] Bytes(string disk = "vda") => (byte[])_bytes[disk].Clone();

    /// <summary>Writes somewhere, of any length, and tells the blocks that it touched.</summary>
    public async Task<HashSet<long>> WriteAsync(int times, string disk = "vda")
    {
        HashSet<long> blocks = [];
        for (int time = 0; time < times; time++)
        {
            long offset = _random.Next((int)(Size / 512) - 256) * 512L, length = _random.Next(1, 256) * 512L;
            byte pattern = (byte)_random.Next(1, 255);
            await Machine.WriteAsync(disk, pattern, offset, length);
            Note(disk, pattern, offset, length, blocks);
        }

        return blocks;
    }

    /// <summary>What somebody else wrote into a disk.</summary>
    public void Note(string disk, byte pattern, long offset, long length, HashSet<long>? blocks = null)
    {
        _bytes[disk].AsSpan((int)offset, (int)length).Fill(pattern);
        for (long block = offset / Grain; block <= (offset + length - 1) / Grain; block++)
            blocks?.Add(block);
    }

    /// <summary>The disk went back to another content.</summary>
    public void Reset(string disk, byte[] content) => _bytes[disk] = (byte[])content.Clone();

    public Task<IReadOnlyList<VMBlockExport>> StartAsync(StartBlockExportRequest request) => Engine.StartBlockExportAsync(TestMachine.Name, request, Machine.Report, CancellationToken.None);

    public async Task<VMBlockExport> StartOneAsync(StartBlockExportRequest? request = null) => Assert.Single(await StartAsync(request ?? new StartBlockExportRequest { Disks = ["vda"] }));

    public Task<IReadOnlyList<VMBlockExport>> StopAsync(StopBlockExportRequest? request = null) =>
        Engine.StopBlockExportAsync(TestMachine.Name, request ?? new StopBlockExportRequest(), Machine.Report, CancellationToken.None);

    public Task<IReadOnlyList<VMBlockExport>> ExportsAsync() => Engine.GetBlockExportsAsync(TestMachine.Name, Machine.Report, CancellationToken.None);

    public Task<VMBlockSnapshot> BlockSnapshotAsync(string name, string? checkpoint = null) =>
        Engine.CreateBlockSnapshotAsync(TestMachine.Name, new CreateBlockSnapshotRequest { Name = name, NewCheckpoint = checkpoint }, Machine.Report, CancellationToken.None);

    public Task RemoveBlockSnapshotAsync(string name) => Engine.RemoveBlockSnapshotAsync(TestMachine.Name, name, Machine.Report, CancellationToken.None);

    /// <summary>A changing command that does little: it recovers and clears what is left first.</summary>
    public Task ChangeAsync(string moment) =>
        Engine.SetMomentAsync(TestMachine.Name, new SetMomentRequest { Name = moment, Description = "said" }, Machine.Report, CancellationToken.None);

    /// <summary>The whole content of an export as <c>nbdcopy</c> reads it.</summary>
    public byte[] Read(Uri uri) => Read(uri.ToString());

    /// <inheritdoc cref="Read(Uri)"/>
    public byte[] Read(string uri)
    {
        string raw = Path.Combine(Machine.Scratch, Guid.NewGuid().ToString("N"));
        Tool.Run("nbdcopy", uri, raw);
        byte[] bytes = File.ReadAllBytes(raw);
        File.Delete(raw);
        return bytes;
    }

    /// <summary>The blocks that an export's context says to be dirty, as <c>nbdinfo --map</c> shows them.</summary>
    public static HashSet<long> Dirty(VMBlockExport export) => Dirty(export.Uri.ToString(), export.Context!);

    public static HashSet<long> Dirty(string uri, string context)
    {
        using var map = JsonDocument.Parse(Tool.Run("nbdinfo", "--json", $"--map={context}", uri));
        HashSet<long> blocks = [];
        foreach (JsonElement run in map.RootElement.EnumerateArray().Where(run => run.GetProperty("type").GetInt64() != 0))
        {
            long offset = run.GetProperty("offset").GetInt64(), end = offset + run.GetProperty("length").GetInt64();
            Assert.True(offset % Grain == 0 && (end % Grain == 0 || end == Size), $"{offset}..{end} is not rounded to the granularity");
            for (long block = offset / Grain; block * Grain < end; block++)
                blocks.Add(block);
        }

        return blocks;
    }

    /// <summary>The blocks in which two contents differ.</summary>
    public static HashSet<long> Differing(byte[] one, byte[] other) =>
        [.. Enumerable.Range(0, (int)(Size / Grain)).Select(block => (long)block).Where(block => !one.AsSpan((int)(block * Grain), (int)Grain).SequenceEqual(other.AsSpan((int)(block * Grain), (int)Grain)))];

    /// <summary>All that exports could leave: nodes, exports and bitmaps in QEMU, processes, files.</summary>
    public async Task<string> TracesAsync()
    {
        string nodes = await Machine.NodesAsync();
        List<string> traces = [];
        if (nodes.Length > 0)
        {
            using var json = JsonDocument.Parse(nodes);
            foreach (JsonElement node in json.RootElement.EnumerateArray())
            {
                string name = node.GetProperty("node-name").GetString()!;
                // QEMU numbers the nodes that nobody named.
                traces.Add(name.StartsWith('#') ? "node #" : $"node {name}");
                if (node.TryGetProperty("dirty-bitmaps", out JsonElement bitmaps))
                    traces.AddRange(bitmaps.EnumerateArray().Where(bitmap => bitmap.TryGetProperty("name", out _)).Select(bitmap => $"bitmap {bitmap.GetProperty("name").GetString()}"));
            }

            using var exports = JsonDocument.Parse((await Engine.InvokeQmpAsync(TestMachine.Name, "query-block-exports", null, CancellationToken.None)).GetRawText());
            traces.AddRange(exports.RootElement.EnumerateArray().Select(export => $"export {export.GetProperty("id").GetString()}"));
        }

        traces.AddRange(Daemons().Select(_ => "daemon"));
        traces.AddRange(Directory.EnumerateFiles(Machine.Scratch, "*", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/segments/", StringComparison.Ordinal) && Path.GetFileName(path) is not ("generation" or "qemu.log" or "lock")).Select(path => $"file {path}"));
        return string.Join('\n', traces.Order(StringComparer.Ordinal));
    }

    /// <summary>The storage daemons of this machine.</summary>
    public IReadOnlyList<int> Daemons() =>
        [.. MomentTools.Machines.HostProcess.All().Where(process => process.CommandLine is [var program, ..] line && Path.GetFileName(program) == "qemu-storage-daemon" && line.Any(word => word.Contains(Machine.Scratch, StringComparison.Ordinal))).Select(process => process.Id)];

    public async ValueTask DisposeAsync()
    {
        foreach (int daemon in Daemons())
            await Victim.KillAsync(daemon);
        await Machine.DisposeAsync();
        // A machine outlives the failure of its test otherwise.
        foreach (MomentTools.Machines.HostProcess left in MomentTools.Machines.HostProcess.All().Where(process => process.Name.StartsWith("qemu-system", StringComparison.Ordinal) && process.CommandLine.Any(word => word.Contains(Machine.Scratch, StringComparison.Ordinal))).ToArray())
            left.Signal(MomentTools.Machines.HostProcess.Kill);
    }
}
