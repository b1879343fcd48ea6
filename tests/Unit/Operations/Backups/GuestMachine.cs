using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>A machine with a <see cref="FileGuest"/>, and those that are made of its backups.</summary>
/// <param name="guest">The guest.</param>
/// <param name="probe">Called at each step of a changing operation.</param>
internal sealed class GuestMachine(FileGuest guest, Action<string>? probe = null) : IAsyncDisposable
{
    public const string Name = "guest";

    private readonly ScratchDirectory _scratch = new();
    private MomentEngine? _engine;

    public string this[string name] => _scratch[name];

    public MomentEngine Engine => _engine ??= new MomentEngine(new MomentEngineOptions { StateRoot = _scratch["state"], RuntimeRoot = _scratch["run"], Probe = probe });

    public TestReport Report { get; } = new();

    public string Repository => _scratch["backup"];

    public string Serial => _scratch["serial"];

    public async Task CreateAsync(long size)
    {
        await FileGuest.MakeDiskAsync(_scratch["disk.qcow2"], size);
        await Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = guest.Xml(Name, _scratch["disk.qcow2"], Serial) }, Report, CancellationToken.None);
    }

    public Task<VMDomain> StartAsync(string name) => Engine.StartDomainAsync(name, paused: false, Report, CancellationToken.None);

    /// <summary>Ends a machine as pulling its plug would: what its guest had not written out is lost.</summary>
    public Task<VMDomain> StopAsync(string name) => Engine.StopDomainAsync(name, force: true, TimeSpan.FromSeconds(20), Report, CancellationToken.None);

    public async Task<TimedBackup> BackupAsync(BackupRequest request)
    {
        int before = FileGuest.Newest(Serial);
        VMBackup backup = await Engine.BackupAsync(Name, request, Report, CancellationToken.None);
        // The guest says so a moment after it has written one.
        return new TimedBackup(backup, before, FileGuest.Newest(Serial) + 1);
    }

    public Task<IReadOnlyList<VMRestoredDisk>> RestoreAsync(TimedBackup backup, RestoreBackupRequest request) =>
        Engine.RestoreBackupAsync(Name, request with { Id = backup.Backup.Id }, Report, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        foreach (HostProcess process in HostProcess.All().Where(process => process.Name.StartsWith("qemu", StringComparison.Ordinal) && process.CommandLine.Any(argument => argument.Contains(_scratch.Path + "/", StringComparison.Ordinal))).ToArray())
        {
            process.Signal(HostProcess.Kill);
            await process.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        }

        _scratch.Dispose();
    }
}
