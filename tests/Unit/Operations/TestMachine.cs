using System.Globalization;
using System.Text.Json;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// A registered machine with real qcow2 disks, to be started as a real QEMU without a guest: writes go into the live disks as the
/// device's own, through QEMU's <c>qemu-io -d</c>, and into stopped ones through qemu-io, which keeps recording bitmaps.
/// </summary>
internal sealed partial class TestMachine : IAsyncDisposable
{
    public const string Name = "web1";
    public const long DiskSize = 64 << 20;

    private readonly ScratchDirectory _scratch = new();

    // Whether the disks let discards through to the image.
    private readonly bool _discard;

    // Further elements of its devices.
    private readonly string _devices;

    private TestMachine(string[] disks, bool discard, Action<string>? probe, string devices)
    {
        _devices = devices;
        Disks = disks;
        _discard = discard;
        Engine = new MomentEngine(new MomentEngineOptions
        {
            StateRoot = _scratch["state"],
            RuntimeRoot = _scratch["run"],
            LockTimeout = TimeSpan.FromMinutes(2),
            Probe = probe,
        });
    }

    public MomentEngine Engine { get; }

    public IReadOnlyList<string> Disks { get; }

    public TestReport Report { get; } = new();

    public string Scratch => _scratch.Path;

    /// <summary>Whether an operation on it, in a process of its own that kills itself at a step, came to that step.</summary>
    public bool Dies(int step, string operation, string argument) => CrashHarness.Dies(Path.Combine(Scratch, "state"), Path.Combine(Scratch, "run"), Name, step, operation, argument);

    public string Repository => _scratch["backup"];

    public string StateDirectory => Path.Combine(_scratch["state"], "domains", Name);

    public static Task<TestMachine> CreateAsync(Action<string>? probe = null, params string[] disks) =>
        CreateAsync(DiskSize, discard: false, probe, disks.Length == 0 ? ["vda"] : disks);

    /// <param name="size">The virtual size of each disk in bytes.</param>
    /// <param name="discard">Whether the disks let discards through to the image.</param>
    /// <param name="probe">Called at each step of a changing operation.</param>
    /// <param name="disks">The disks' names.</param>
    /// <param name="devices">Further elements of its devices, of which {0} is its own directory.</param>
    public static async Task<TestMachine> CreateAsync(long size, bool discard, Action<string>? probe, string[] disks, string devices = "")
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-storage-daemon", "qemu-system-x86_64");
        var machine = new TestMachine(disks, discard, probe, devices);
        foreach (string disk in machine.Disks)
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", machine.DiskPath(disk), size.ToString(CultureInfo.InvariantCulture));
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml() }, machine.Report, CancellationToken.None);
        return machine;
    }

    public string DiskPath(string disk) => _scratch[disk + ".qcow2"];

    /// <summary>The image that a disk writes to now: the first one, or a layer above it.</summary>
    public async Task<string> ActivePathAsync(string disk) =>
        (await Engine.GetDomainAsync(Name, new TestReport(), CancellationToken.None)).Disks.Single(one => one.Name == disk).Path!;

    public string Xml() => $"""
        <domain type='qemu'>
          <name>{Name}</name>
          <uuid>6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11</uuid>
          <memory unit='MiB'>64</memory>
          <vcpu>1</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices>
            {string.Join("\n    ", Disks.Select(disk => $"<disk type='file' device='disk'><driver name='qemu' type='qcow2'{(_discard ? " discard='unmap'" : "")}/><source file='{DiskPath(disk)}'/><target dev='{disk}' bus='virtio'/></disk>"))}
            {_devices.Replace("{0}", _scratch.Path, StringComparison.Ordinal)}
          </devices>
        </domain>
        """;

    public Task<VMDomain> StartAsync() => Engine.StartDomainAsync(Name, paused: true, Report, CancellationToken.None);

    /// <summary>What the domain object says of its first disk.</summary>
    public async Task<VMDiskTracking> TrackingAsync() => (await Engine.GetDomainAsync(Name, Report, CancellationToken.None)).Disks[0].Tracking;

    public Task<VMDomain> StopAsync() => Engine.StopDomainAsync(Name, force: true, TimeSpan.FromSeconds(20), Report, CancellationToken.None);

    /// <summary>Ends the machine where it runs.</summary>
    public async Task StopIfRunningAsync()
    {
        if ((await Engine.GetDomainAsync(Name, Report, CancellationToken.None)).State != VMState.Stopped)
            await StopAsync();
    }

    public Task<VMCheckpoint> CheckpointAsync(string name, params string[] disks) =>
        Engine.CreateCheckpointAsync(Name, new CreateCheckpointRequest { Name = name, Disks = disks }, Report, CancellationToken.None);

    public Task<VMSnapshot> SnapshotAsync(string name, Func<CreateSnapshotRequest, CreateSnapshotRequest>? with = null) =>
        Engine.CreateSnapshotAsync(Name, (with ?? (request => request))(new CreateSnapshotRequest { Name = name }), Report, CancellationToken.None);

    public async Task<IReadOnlyList<(long Offset, long Length)>> BetweenAsync(string from, string to, string disk = "vda") =>
        [.. (await Engine.GetChangedBlocksAsync(Name, from, to, [disk], Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))];

    public Task<IReadOnlyList<VMMoment>> RemoveAsync(string name, bool descendants = false) =>
        Engine.RemoveMomentsAsync(Name, new RemoveMomentRequest { Name = name, Descendants = descendants }, Report, CancellationToken.None);

    public Task<IReadOnlyList<VMMoment>> MomentsAsync() => Engine.GetMomentsAsync(Name, new MomentQuery(), Report, CancellationToken.None);

    public Task<VMBackup> BackupAsync(VMBackupKind kind = VMBackupKind.Automatic) =>
        Engine.BackupAsync(Name, new BackupRequest { Repository = Repository, Kind = kind }, Report, CancellationToken.None);

    public async Task<IReadOnlyList<(long Offset, long Length)>> ChangesAsync(string since, string disk = "vda") =>
        [.. (await Engine.GetChangedBlocksAsync(Name, since, [disk], Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))];

    /// <summary>Writes into a disk, whether the machine runs or not.</summary>
    public Task WriteAsync(string disk, byte pattern, long offset, long length) =>
        IoAsync(disk, string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {offset} {length}"));

    /// <summary>Does one command of qemu-io to a disk, whether the machine runs or not.</summary>
    public async Task IoAsync(string disk, string command)
    {
        // Also in the middle of an operation, when what is recorded is not yet what is there.
        VMDomain domain = await Engine.GetDomainAsync(Name, new TestReport(), CancellationToken.None);
        if (domain.State == VMState.Stopped)
        {
            Tool.Run("qemu-io", "-f", "qcow2", "-d", _discard ? "unmap" : "ignore", "-c", command, domain.Disks.Single(one => one.Name == disk).Path!);
            return;
        }

        JsonElement answer = await Engine.InvokeQmpAsync(Name, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["command-line"] = $"qemu-io -d /machine/peripheral/mt-{disk}/virtio-backend \"{command}\"",
        }), CancellationToken.None);
        Assert.Equal("", answer.GetString());
    }

    /// <summary>The nodes that QEMU has, as it tells them; nothing where the machine is stopped.</summary>
    public async Task<string> NodesAsync() =>
        (await Engine.GetDomainAsync(Name, Report, CancellationToken.None)).State == VMState.Stopped ? ""
            : (await Engine.InvokeQmpAsync(Name, "query-named-block-nodes", "{\"flat\":true}", CancellationToken.None)).GetRawText();

    /// <summary>The whole content of a disk, read by qemu-img.</summary>
    /// <param name="path">The image.</param>
    /// <param name="tag">An internal snapshot in it, or null for what it holds now.</param>
    public byte[] Content(string path, string? tag = null)
    {
        string raw = _scratch[Guid.NewGuid().ToString("N")];
        Tool.Run("qemu-img", ["convert", "-U", "-f", "qcow2", "-O", "raw", .. tag is null ? (string[])[] : ["-l", "snapshot.name=" + tag], path, raw]);
        byte[] bytes = File.ReadAllBytes(raw);
        File.Delete(raw);
        return bytes;
    }

    /// <summary>Where the layer comes to lie that a snapshot of the first disk makes.</summary>
    public string OverlayPath(string snapshot, string disk = "vda") => _scratch[$"{disk}.6f1b2a6e.{snapshot}.qcow2"];

    /// <summary>Kills QEMU as a power cut would.</summary>
    public async Task KillMachineAsync()
    {
        VMDomain domain = await Engine.GetDomainAsync(Name, Report, CancellationToken.None);
        await Victim.KillAsync(domain.ProcessId!.Value);
    }

    public async ValueTask DisposeAsync()
    {
        // A test that failed halfway may have left no domain; its failure is what counts.
        if (Directory.Exists(StateDirectory) && (await Engine.GetDomainAsync(Name, Report, CancellationToken.None)).State != VMState.Stopped)
            await StopAsync();
        // What outlives its commands outlives a test that failed, too.
        foreach (HostProcess daemon in HostProcess.All().Where(process => ServingDaemon.Is(process) && process.CommandLine.Any(argument => argument.Contains(Scratch + "/", StringComparison.Ordinal))))
        {
            daemon.Signal(HostProcess.Kill);
            await daemon.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        }

        _scratch.Dispose();
    }
}
