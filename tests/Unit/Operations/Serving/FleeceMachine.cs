using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>A running machine whose block snapshots are read from outside, by tools that nobody here wrote, and counted with all they leave.</summary>
internal sealed class FleeceMachine(TestMachine machine) : IAsyncDisposable
{
    public const long Grain = 65536;

    public TestMachine Machine => machine;

    public static async Task<FleeceMachine> StartAsync(Action<string>? probe = null, bool running = true, params string[] disks)
    {
        Tool.Require("nbdcopy");
        TestMachine machine = await TestMachine.CreateAsync(probe, disks.Length == 0 ? ["vda", "vdb"] : disks);
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: !running, machine.Report, CancellationToken.None);
        return new FleeceMachine(machine);
    }

    public Task<VMBlockSnapshot> NewAsync(string name, Func<CreateBlockSnapshotRequest, CreateBlockSnapshotRequest>? with = null) =>
        machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, (with ?? (request => request))(new CreateBlockSnapshotRequest { Name = name }), machine.Report, CancellationToken.None);

    public Task<IReadOnlyList<VMBlockSnapshot>> ListAsync() => machine.Engine.GetBlockSnapshotsAsync(TestMachine.Name, machine.Report, CancellationToken.None);

    public async Task<VMBlockSnapshot> GetAsync(string name) => Assert.Single(await ListAsync(), snapshot => snapshot.Name == name);

    public Task RemoveAsync(string name) => machine.Engine.RemoveBlockSnapshotAsync(TestMachine.Name, name, machine.Report, CancellationToken.None);

    public async Task<string> StatusAsync() => (await QmpAsync("query-status")).GetProperty("status").GetString()!;

    public Task<JsonElement> QmpAsync(string command, string? arguments = null) => machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments, CancellationToken.None);

    /// <summary>The whole content that a block snapshot shows of a disk, copied by nbdcopy.</summary>
    public async Task<byte[]> ReadAsync(string snapshot, string disk)
    {
        string socket = Path.Combine(machine.Scratch, "view"), raw = Path.Combine(machine.Scratch, Guid.NewGuid().ToString("N"));
        await QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = socket } } }));
        try
        {
            await QmpAsync("block-export-add", $$"""{"type":"nbd","id":"view","node-name":"{{await NodeAsync(snapshot, disk)}}","name":"view"}""");
            Tool.Run("nbdcopy", $"nbd+unix:///view?socket={socket}", raw);
            return await File.ReadAllBytesAsync(raw);
        }
        finally
        {
            await QmpAsync("nbd-server-stop");
            File.Delete(raw);
        }
    }

    /// <summary>The whole content that a disk has now.</summary>
    public async Task<byte[]> NowAsync(string disk)
    {
        // The image's tables are in QEMU's memory until then.
        await machine.IoAsync(disk, "flush");
        return machine.Content(await machine.ActivePathAsync(disk));
    }

    /// <summary>The node that shows a disk, from the record's numbers.</summary>
    public async Task<string> NodeAsync(string snapshot, string disk)
    {
        VMBlockSnapshot shown = await GetAsync(snapshot);
        XElement record = XElement.Load(Path.Combine(machine.StateDirectory, "blocksnapshots", snapshot + ".xml"));
        string id = record.Elements().Select(element => element.Attribute("id")?.Value).OfType<string>().Single();
        int number = shown.Disks.Select(one => one.Name).ToList().IndexOf(disk);
        string end = shown.Disks[number].Method == "backup" ? "q" : "v";
        return string.Create(CultureInfo.InvariantCulture, $"mt-bs-{id}-{number}-{end}");
    }

    /// <summary>How much there is of all that a block snapshot could leave behind, with the names.</summary>
    public async Task<string> CountAsync()
    {
        List<string> found = [];
        foreach (JsonElement node in (await QmpAsync("query-named-block-nodes", """{"flat":true}""")).EnumerateArray())
        {
            found.Add("node " + node.GetProperty("node-name").GetString());
            if (node.TryGetProperty("dirty-bitmaps", out JsonElement bitmaps))
                found.AddRange(bitmaps.EnumerateArray().Select(bitmap => "bitmap " + (bitmap.TryGetProperty("name", out JsonElement name) ? name.GetString() : "-")));
        }

        foreach (string query in (string[])["query-jobs", "query-block-exports"])
            found.AddRange((await QmpAsync(query)).EnumerateArray().Select(one => $"{query} {one.GetProperty("id")}"));
        found.AddRange((await QmpAsync("query-block")).EnumerateArray().Where(device => device.TryGetProperty("inserted", out _)).Select(device => "device " + device.GetProperty("inserted").GetProperty("node-name")));
        found.AddRange(Directory.EnumerateFiles(machine.Scratch).Select(file => "file " + Path.GetFileName(file)));
        found.AddRange(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Scratch, "run"), "*", SearchOption.AllDirectories).Select(file => "run " + Path.GetFileName(file)));
        foreach (string folder in (string[])["journal", "blocksnapshots", "segments"])
            if (Directory.Exists(Path.Combine(machine.StateDirectory, folder)))
                found.AddRange(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, folder)).Select(file => $"{folder} {Path.GetFileName(file)}"));
        found.AddRange(Directory.EnumerateFiles(machine.StateDirectory, "*.xml", SearchOption.AllDirectories).Where(file => File.ReadAllText(file).Contains("pinned", StringComparison.Ordinal)).Select(file => "pin in " + Path.GetFileName(file)));
        return string.Join('\n', found.Order(StringComparer.Ordinal));
    }

    public ValueTask DisposeAsync() => machine.DisposeAsync();
}
