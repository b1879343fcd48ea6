using MomentTools.Tests.Support;

namespace MomentTools.Fuzz;

/// <summary>
/// A machine with a real disk to which everything was done that leaves files: what lies in its state directory, its journals as they were in
/// the middle of each operation, and the manifests of its backups are what damage is done to.
/// </summary>
internal sealed class RealMachine : IDisposable
{
    public const string Name = "web1";

    /// <summary>What it takes to make one.</summary>
    public static readonly string[] Tools = ["qemu-img", "qemu-io", "qemu-storage-daemon"];

    private readonly ScratchDirectory _scratch = new();
    private readonly Dictionary<string, string> _journals = new(StringComparer.Ordinal);

    public RealMachine()
    {
        Engine = new MomentEngine(new MomentEngineOptions { StateRoot = _scratch["state"], RuntimeRoot = _scratch["run"], Probe = KeepJournals });
        LiveAsync().GetAwaiter().GetResult();
    }

    public MomentEngine Engine { get; }

    public string StateDirectory => Path.Combine(_scratch["state"], "domains", Name);

    public string Repository => _scratch["backup"];

    /// <summary>The journals of operations, each with and without its commit.</summary>
    public IReadOnlyCollection<string> Journals => _journals.Values;

    /// <summary>The files of the state directory that hold its state, relative to it.</summary>
    public IReadOnlyList<string> StateFiles() =>
    [
        .. Directory.EnumerateFiles(StateDirectory, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(StateDirectory, path))
            .Where(path => path.EndsWith(".xml", StringComparison.Ordinal) || path.StartsWith("segments/", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    public void Dispose() => _scratch.Dispose();

    private async Task LiveAsync()
    {
        string disk = _scratch["vda.qcow2"];
        FuzzTool.Run("qemu-img", "create", "-q", "-f", "qcow2", disk, "4M");
        CancellationToken none = CancellationToken.None;
        var report = new FuzzReport();
        await Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = Definition(disk) }, report, none);
        await CheckpointAsync("monday");
        await WriteAsync("0 64k");
        await CheckpointAsync("tuesday");
        await Engine.BackupAsync(Name, new BackupRequest { Repository = Repository }, report, none);
        await WriteAsync("1M 128k");
        await Engine.CreateSnapshotAsync(Name, new CreateSnapshotRequest { Name = "clean", DiskOnly = true, Description = "é <&>" }, report, none);
        await WriteAsync("2M 64k");
        await CheckpointAsync("wednesday");
        await Engine.BackupAsync(Name, new BackupRequest { Repository = Repository }, report, none);
        await Engine.RestoreSnapshotAsync(Name, new RestoreSnapshotRequest { Name = "clean", Branch = "try" }, report, none);
        await WriteAsync("3M 64k");
        await CheckpointAsync("thursday");
        await Engine.CreateSnapshotAsync(Name, new CreateSnapshotRequest { Name = "inside", Internal = true }, report, none);
        await Engine.SetMomentAsync(Name, new SetMomentRequest { Name = "monday", Description = "first" }, report, none);
        await Engine.SwitchBranchAsync(Name, new SwitchBranchRequest { Name = "main" }, report, none);
        // What is left of main is kept for Undo.
        await Engine.RestoreSnapshotAsync(Name, new RestoreSnapshotRequest { Name = "clean", Discard = true }, report, none);
        await Engine.RemoveMomentsAsync(Name, new RemoveMomentRequest { Name = "tuesday" }, report, none);

        Task CheckpointAsync(string name) => Engine.CreateCheckpointAsync(Name, new CreateCheckpointRequest { Name = name }, report, none);

        async Task WriteAsync(string where) => FuzzTool.Run(
            "qemu-io", "-f", "qcow2", "-c", $"write -P 1 {where}", (await Engine.GetDomainAsync(Name, report, none)).Disks[0].Path!);
    }

    private void KeepJournals(string step)
    {
        string directory = Path.Combine(StateDirectory, "journal");
        if (!Directory.Exists(directory))
            return;
        foreach (string path in Directory.EnumerateFiles(directory, "*.jsonl"))
        {
            string text = File.ReadAllText(path);
            if (text.EndsWith('\n'))
                _journals[$"{step.Split(':')[0]} {text.Count(letter => letter == '\n')}"] = text;
        }
    }

    private static string Definition(string disk) => $"""
        <domain type='qemu'>
          <name>{Name}</name>
          <uuid>6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11</uuid>
          <memory unit='MiB'>64</memory>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk></devices>
        </domain>
        """;
}
