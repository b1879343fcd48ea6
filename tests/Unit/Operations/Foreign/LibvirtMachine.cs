using System.Globalization;
using System.Text.Json;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>
/// A machine that a real libvirtd runs, with what its disk must hold byte by byte, now and at each checkpoint. Each write has bytes of its own,
/// so that a block that was written differs.
/// </summary>
internal sealed class LibvirtMachine : IDisposable
{
    public const string Name = "web1";
    private const int Grain = 65536;
    private const long Size = 16 << 20;

    private readonly ScratchDirectory _scratch = new();
    private readonly byte[] _content = new byte[Size];
    private readonly Dictionary<string, byte[]> _then = new(StringComparer.Ordinal);
    private byte _pattern;

    private LibvirtMachine(LibvirtDaemon libvirt)
    {
        Libvirt = libvirt;
        Engine = new MomentEngine(new MomentEngineOptions { StateRoot = _scratch["state"], RuntimeRoot = _scratch["run"], LockTimeout = TimeSpan.FromMinutes(2) });
        ActivePath = _scratch["vda.qcow2"];
    }

    public LibvirtDaemon Libvirt { get; }

    public MomentEngine Engine { get; }

    public TestReport Report { get; } = new();

    public string ActivePath { get; private set; }

    public string Monitor => _scratch["qmp"];

    public string this[string name] => _scratch[name];

    public static async Task<LibvirtMachine> CreateAsync()
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-storage-daemon", "qemu-system-x86_64");
        string directory = Directory.CreateTempSubdirectory("lv").FullName;
        var machine = new LibvirtMachine(await LibvirtDaemon.StartAsync(directory));
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", machine.ActivePath, Size.ToString(CultureInfo.InvariantCulture));
        File.WriteAllText(machine["web1.xml"], machine.Definition());
        machine.Libvirt.Virsh("define", machine["web1.xml"]);
        return machine;
    }

    public string Definition() => $"""
        <domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <name>{Name}</name>
          <uuid>6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b12</uuid>
          <memory unit='MiB'>64</memory>
          <vcpu>1</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices>
            <emulator>{Tool.Find("qemu-system-x86_64")}</emulator>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{ActivePath}'/><target dev='vda' bus='virtio'/></disk>
          </devices>
          <qemu:commandline><qemu:arg value='-qmp'/><qemu:arg value='unix:{Monitor},server=on,wait=off'/></qemu:commandline>
        </domain>
        """;

    public void Start() => Libvirt.Virsh("start", Name, "--paused");

    public void Stop() => Libvirt.Virsh("destroy", Name, "--graceful");

    public Task RegisterAsync(bool attached) => Engine.RegisterDomainAsync(
        new RegisterDomainRequest { Xml = Libvirt.Virsh("dumpxml", Name, attached ? "--security-info" : "--inactive"), Monitor = attached ? "unix:" + Monitor : null }, Report, CancellationToken.None);

    /// <summary>libvirt's checkpoint.</summary>
    public void Checkpoint(string name)
    {
        Libvirt.Virsh("checkpoint-create-as", Name, name);
        Mark(name);
    }

    public async Task OwnCheckpointAsync(string name)
    {
        await Engine.CreateCheckpointAsync(Name, new CreateCheckpointRequest { Name = name }, Report, CancellationToken.None);
        Mark(name);
    }

    /// <summary>libvirt's external snapshot: the disk goes on in an overlay.</summary>
    public void Snapshot(string name)
    {
        ActivePath = _scratch[$"vda.{name}"];
        Libvirt.Virsh("snapshot-create-as", Name, name, "--disk-only", "--no-metadata", "--diskspec", $"vda,file={ActivePath}");
    }

    /// <summary>Writes whole blocks into the disk: as the guest's device, or into the file of a stopped machine.</summary>
    public void Write(bool running, params int[] blocks)
    {
        foreach (int block in blocks)
        {
            byte pattern = ++_pattern;
            _content.AsSpan(block * Grain, Grain).Fill(pattern);
            string command = string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {(long)block * Grain} {Grain}");
            if (running)
                Assert.DoesNotContain("rror", Libvirt.Virsh("qemu-monitor-command", Name, "--hmp", $"qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend \"{command}\""), StringComparison.Ordinal);
            else
                Tool.Run("qemu-io", "-f", "qcow2", "-c", command, ActivePath);
        }
    }

    /// <summary>What we say changed since these checkpoints is what differs, byte for byte, in whole blocks.</summary>
    public async Task AssertChangesAsync(params string[] since)
    {
        foreach (string checkpoint in since)
            Assert.Equal(Differs(checkpoint), Blocks((await Engine.GetChangedBlocksAsync(Name, checkpoint, ["vda"], Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))));
    }

    /// <summary>A backup of ours, of this kind, restores to what the disk holds.</summary>
    public async Task AssertBackupAsync(VMBackupKind kind)
    {
        VMBackup backup = await Engine.BackupAsync(Name, new BackupRequest { Repository = _scratch["backup"] }, Report, CancellationToken.None);
        Assert.Equal(kind, backup.Kind);
        IReadOnlyList<VMRestoredDisk> restored = await Engine.RestoreBackupAsync(
            Name, new RestoreBackupRequest { Repository = _scratch["backup"], Destination = _scratch["restored" + Guid.NewGuid().ToString("N")[..6]] }, Report, CancellationToken.None);
        Assert.True(Content(restored[0].Path).AsSpan().SequenceEqual(_content), "the restored disk differs");
    }

    /// <summary>libvirt's incremental backup since a checkpoint stores exactly the blocks that differ, with the bytes of now.</summary>
    public async Task AssertLibvirtBackupAsync(string since)
    {
        string target = _scratch[$"inc-{since}.qcow2"], xml = _scratch[$"inc-{since}.xml"];
        await File.WriteAllTextAsync(xml, $"<domainbackup mode='push'><incremental>{since}</incremental><disks><disk name='vda' type='file'><target file='{target}'/><driver type='qcow2'/></disk></disks></domainbackup>");
        Libvirt.Virsh("backup-begin", Name, xml);
        for (int tries = 0; tries < 1200 && !Libvirt.Virsh("domjobinfo", Name).Contains("None", StringComparison.Ordinal); tries++)
            await Task.Delay(50);
        // Without its backing file, which is the live disk: only what the backup stored.
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "", target);
        using JsonDocument map = JsonDocument.Parse(Tool.Run("qemu-img", "map", "--output=json", "-f", "qcow2", target));
        int[] stored = Blocks(map.RootElement.EnumerateArray().Where(entry => entry.GetProperty("data").GetBoolean()).Select(entry => (entry.GetProperty("start").GetInt64(), entry.GetProperty("length").GetInt64())));
        Assert.Equal(Differs(since), stored);
        byte[] content = Content(target);
        Assert.All(stored, block => Assert.True(content.AsSpan(block * Grain, Grain).SequenceEqual(_content.AsSpan(block * Grain, Grain)), $"block {block} of the increment since {since}"));
    }

    public void Mark(string name) => _then[name] = [.. _content];

    public void Dispose()
    {
        Tool.TryRun("virsh", "-q", "-c", $"qemu+unix:///system?socket={Libvirt.Directory}/libvirt-sock", "destroy", Name);
        Libvirt.Dispose();
        Directory.Delete(Libvirt.Directory, recursive: true);
        _scratch.Dispose();
    }

    private int[] Differs(string since) => [.. Enumerable.Range(0, (int)(Size / Grain)).Where(block => !_content.AsSpan(block * Grain, Grain).SequenceEqual(_then[since].AsSpan(block * Grain, Grain)))];

    private static int[] Blocks(IEnumerable<(long Offset, long Length)> runs) =>
        [.. runs.SelectMany(run => Enumerable.Range((int)(run.Offset / Grain), (int)((run.Length + Grain - 1) / Grain))).Distinct().Order()];

    private byte[] Content(string path)
    {
        string raw = _scratch[Guid.NewGuid().ToString("N")];
        Tool.Run("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", path, raw);
        byte[] bytes = File.ReadAllBytes(raw);
        File.Delete(raw);
        return bytes;
    }
}
