using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Undo;

/// <summary>A machine with one disk and a snapshot "clean" of ones; on top of it are twos, four blocks behind.</summary>
internal static class UndoMachine
{
    public const long Grain = 65536;

    public static async Task<TestMachine> CreateAsync(Action<string>? probe = null, bool diskOnly = false)
    {
        TestMachine machine = await TestMachine.CreateAsync(probe);
        await machine.WriteAsync("vda", 1, 0, Grain);
        if (diskOnly)
            await machine.StartAsync();
        await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Name = "clean", DiskOnly = diskOnly }, machine.Report, CancellationToken.None);
        if (diskOnly)
            await machine.StopAsync();
        await WriteAsync(machine, 2, 4);
        return machine;
    }

    /// <summary>Writes a block, whatever image the disk has now and whether the machine runs or not.</summary>
    public static async Task WriteAsync(TestMachine machine, byte pattern, int block)
    {
        string command = string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {block * Grain} {Grain}");
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
            Tool.Run("qemu-io", "-f", "qcow2", "-c", command, await machine.ActivePathAsync("vda"));
        else
            await machine.IoAsync("vda", command);
    }

    /// <summary>The first byte of each of the first blocks, by the present image.</summary>
    public static async Task<string> BlocksAsync(TestMachine machine)
    {
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State != VMState.Stopped)
            await machine.StopAsync();
        byte[] content = machine.Content(await machine.ActivePathAsync("vda"));
        return string.Concat(Enumerable.Range(0, 12).Select(block => content[block * Grain]));
    }

    public static Task<VMSnapshotRestore> RestoreAsync(TestMachine machine, string name = "clean", TimeSpan? undoFor = null, string? branch = null) => machine.Engine.RestoreSnapshotAsync(
        TestMachine.Name, new RestoreSnapshotRequest { Name = name, UndoFor = undoFor, Branch = branch }, machine.Report, CancellationToken.None);

    public static Task<VMDomain> UndoAsync(TestMachine machine, string? id = null) =>
        machine.Engine.UndoSnapshotAsync(TestMachine.Name, new UndoSnapshotRequest { Id = id }, machine.Report, CancellationToken.None);

    public static Task<IReadOnlyList<VMKeptState>> KeptAsync(TestMachine machine) => machine.Engine.GetKeptStatesAsync(TestMachine.Name, machine.Report, CancellationToken.None);

    /// <summary>The time of all that is kept is over.</summary>
    public static void Expire(TestMachine machine)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(machine.StateDirectory, "kept")))
        {
            var document = XDocument.Load(path);
            document.Root!.SetAttributeValue("until", document.Root.Attribute("since")!.Value);
            document.Save(path);
        }
    }

    public static string[] Images(TestMachine machine) =>
        [.. new DirectoryInfo(machine.Scratch).EnumerateFiles().Where(file => file.Extension is ".qcow2" or ".mem").Select(file => file.Name).Order(StringComparer.Ordinal)];

    /// <summary>Puts a byte into the clock's battery-backed memory: a part of QEMU's state, not of the disks.</summary>
    public static async Task PokeAsync(TestMachine machine, byte value)
    {
        await MonitorAsync(machine, "o /b 0x70 0x40");
        await MonitorAsync(machine, $"o /b 0x71 0x{value:x2}");
    }

    /// <summary>That byte, or 0 where the machine is off.</summary>
    public static async Task<byte> PeekAsync(TestMachine machine)
    {
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
            return 0;
        await MonitorAsync(machine, "o /b 0x70 0x40");
        return Convert.ToByte((await MonitorAsync(machine, "i /b 0x71")).Split('=')[1].Trim(), 16);
    }

    /// <summary>Nothing is told of the machine, nothing is left of an operation, and its changes are recorded.</summary>
    public static async Task AssertSoundAsync(TestMachine machine, string where = "")
    {
        Assert.False(File.Exists(Path.Combine(machine.StateDirectory, "use.json")), where);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        Assert.Empty(machine.Report.Failures);
        IReadOnlyList<VMMomentFinding> findings = await machine.TestAsync();
        Assert.True(findings.Count == 0, $"{where}: {string.Join('\n', findings.Select(finding => $"{finding.Id}: {finding.Text}"))}");
    }

    private static async Task<string> MonitorAsync(TestMachine machine, string line) => (await machine.Engine.InvokeQmpAsync(
        TestMachine.Name, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["command-line"] = line }), CancellationToken.None)).GetString()!;
}
