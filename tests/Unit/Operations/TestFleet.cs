using System.Globalization;
using System.Text.Json;
using MomentTools.Machines;
using MomentTools.Tests.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Several registered machines with one real qcow2 disk each (vda), in one state root; each may have a channel for a guest's agent.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    public const long Grain = 65536;

    private readonly ScratchDirectory _scratch = new();
    private readonly DomainCatalogue _catalogue;

    private TestFleet(string[] names, Action<string>? probe, GuestAgentOptions? agent)
    {
        Names = names;
        _catalogue = new DomainCatalogue(StateRoot, RuntimeRoot);
        Engine = new MomentEngine(new MomentEngineOptions
        {
            StateRoot = StateRoot,
            RuntimeRoot = RuntimeRoot,
            LockTimeout = TimeSpan.FromMinutes(2),
            Probe = probe,
            Agent = agent ?? new GuestAgentOptions { AnswerTimeout = TimeSpan.FromMinutes(1), FreezeTimeout = TimeSpan.FromMinutes(1), ThawTimeout = TimeSpan.FromMinutes(1) },
        });
    }

    public IReadOnlyList<string> Names { get; }

    public MomentEngine Engine { get; }

    public TestReport Report { get; } = new();

    public string StateRoot => _scratch["state"];

    public string RuntimeRoot => _scratch["run"];

    public string Scratch => _scratch.Path;

    public static Task<TestFleet> CreateAsync(Action<string>? probe, bool channel, params string[] names) => CreateAsync(probe, channel, agent: null, names);

    /// <param name="probe">Called at each step of a changing operation.</param>
    /// <param name="channel">Whether the machines have a channel for a guest's agent.</param>
    /// <param name="agent">How long an agent is waited for; null where it answers.</param>
    /// <param name="names">The machines.</param>
    public static async Task<TestFleet> CreateAsync(Action<string>? probe, bool channel, GuestAgentOptions? agent, string[] names)
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-storage-daemon", "qemu-system-x86_64");
        var fleet = new TestFleet(names, probe, agent);
        foreach (string name in names)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", fleet.DiskPath(name), TestMachine.DiskSize.ToString(CultureInfo.InvariantCulture));
            await fleet.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = fleet.Xml(name, channel ? "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" : "") }, fleet.Report, CancellationToken.None);
        }

        return fleet;
    }

    public string DiskPath(string name) => _scratch[name + ".qcow2"];

    public string StateDirectory(string name) => Path.Combine(StateRoot, "domains", name);

    /// <summary>The socket of a machine's agent.</summary>
    public string AgentPath(string name) => GuestAgentChannel.SocketOf(_catalogue.Place(name), _catalogue.Load(_catalogue.Place(name)))!;

    public string Xml(string name, string devices) => $"""
        <domain type='qemu'>
          <name>{name}</name>
          <uuid>{Guid.NewGuid():D}</uuid>
          <memory unit='MiB'>64</memory>
          <vcpu>1</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{DiskPath(name)}'/><target dev='vda' bus='virtio'/></disk>
            {devices}
          </devices>
        </domain>
        """;

    public Task<VMDomain> StartAsync(string name, bool paused = true) => Engine.StartDomainAsync(name, paused, Report, CancellationToken.None);

    /// <summary>Starts a machine whose guest runs, and puts an agent where QEMU's socket of the channel is.</summary>
    public async Task<FakeGuestAgent> StartWithAgentAsync(string name)
    {
        await StartAsync(name, paused: false);
        return new FakeGuestAgent(AgentPath(name));
    }

    public Task<VMCheckpoint> CheckpointAsync(string name, string checkpoint, bool quiesce = false) =>
        Engine.CreateCheckpointAsync(name, new CreateCheckpointRequest { Name = checkpoint, Quiesce = quiesce }, Report, CancellationToken.None);

    public Task<IReadOnlyList<VMCheckpoint>> GroupAsync(string checkpoint, params string[] names) => GroupAsync(new CreateCheckpointRequest { Name = checkpoint }, names);

    public Task<IReadOnlyList<VMCheckpoint>> GroupAsync(CreateCheckpointRequest request, params string[] names) =>
        Engine.CreateCheckpointGroupAsync(names, request, Report, CancellationToken.None);

    public Task<IReadOnlyList<VMMoment>> MomentsAsync(string name) => Engine.GetMomentsAsync(name, new MomentQuery(), Report, CancellationToken.None);

    public async Task<IReadOnlyList<(long Offset, long Length)>> ChangesAsync(string name, string since) =>
        [.. (await Engine.GetChangedBlocksAsync(name, since, ["vda"], Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))];

    public async Task WriteAsync(string name, byte pattern, long offset)
    {
        string command = string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {offset} {Grain}");
        if (await StateAsync(name) == VMState.Stopped)
        {
            Tool.Run("qemu-io", "-f", "qcow2", "-c", command, DiskPath(name));
            return;
        }

        JsonElement answer = await Engine.InvokeQmpAsync(name, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["command-line"] = $"qemu-io -d /machine/peripheral/mt-vda/virtio-backend \"{command}\"",
        }), CancellationToken.None);
        Assert.Equal("", answer.GetString());
    }

    public async Task<VMState> StateAsync(string name) => (await Engine.GetDomainAsync(name, Report, CancellationToken.None)).State;

    /// <summary>Whether an operation, in a process of its own that kills itself at a step, came to that step.</summary>
    public bool Dies(int step, string vms, string operation, string argument) => CrashHarness.Dies(StateRoot, RuntimeRoot, vms, step, operation, argument);

    /// <summary>Runs an operation in a process of its own.</summary>
    public (int Exit, string Printed, string Error) RunApart(string vms, string operation, string argument) => CrashHarness.Run(StateRoot, RuntimeRoot, vms, 0, operation, argument);

    /// <summary>Asserts that nothing of an operation is left: journals, decisions, temporary bitmaps, bitmaps of nobody.</summary>
    public async Task AssertNothingLeftAsync(string where)
    {
        string groups = Path.Combine(StateRoot, "groups");
        Assert.True(!Directory.Exists(groups) || !Directory.EnumerateFileSystemEntries(groups).Any(), $"{where}: a decision is left");
        foreach (string name in Names)
        {
            string journal = Path.Combine(StateDirectory(name), "journal");
            Assert.True(!Directory.Exists(journal) || !Directory.EnumerateFileSystemEntries(journal).Any(), $"{where}: a journal of {name} is left");
            IReadOnlyList<VMBitmap> bitmaps = await Engine.GetBitmapsAsync(name, [], Report, CancellationToken.None);
            Assert.DoesNotContain(bitmaps, bitmap => bitmap.Name.StartsWith("mt-tmp", StringComparison.Ordinal) || bitmap.State == VMBitmapState.Foreign);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string name in Names)
            if (await StateAsync(name) != VMState.Stopped)
                await Engine.StopDomainAsync(name, force: true, TimeSpan.FromSeconds(20), Report, CancellationToken.None);
        _scratch.Dispose();
    }
}
