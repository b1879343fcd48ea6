using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>A machine with a full and an incremental backup, and the machine that is run on the newer one.</summary>
internal sealed class InstantMachine : IAsyncDisposable
{
    public const string Copy = "web2";
    public const long Grain = 65536;

    private InstantMachine(TestMachine machine) => Machine = machine;

    public TestMachine Machine { get; }

    public MomentEngine Engine => Machine.Engine;

    public TestReport Report => Machine.Report;

    public string Destination => Path.Combine(Machine.Scratch, "instant");

    /// <summary>The disk's bytes at the newer backup, and what the new machine's guest wrote since.</summary>
    public byte[] Expected { get; private set; } = [];

    public VMBackup Backup { get; private set; } = null!;

    public RestoreBackupRequest Request => new() { Repository = Machine.Repository, Destination = Destination, AsDomain = Copy, Instant = true };

    public static async Task<InstantMachine> CreateAsync(Action<string>? probe = null, params string[] disks)
    {
        var made = new InstantMachine(await TestMachine.CreateAsync(probe, disks));
        await made.Machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await made.Machine.BackupAsync();
        await made.Machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await made.Machine.WriteAsync("vda", 3, 40 * Grain, 3 * Grain);
        made.Backup = await made.Machine.BackupAsync();
        made.Expected = made.Machine.Content(made.Machine.DiskPath("vda"));
        // What is no longer in the backup.
        await made.Machine.WriteAsync("vda", 9, 0, 4 * Grain);
        return made;
    }

    public string Overlay(string disk = "vda") => Path.Combine(Destination, $"{Copy}.{disk}.qcow2");

    public Task<IReadOnlyList<VMRestoredDisk>> RunAsync(RestoreBackupRequest? request = null, CancellationToken cancellation = default) =>
        Engine.RestoreBackupAsync(TestMachine.Name, request ?? Request, Report, cancellation);

    public Task<IReadOnlyList<VMRestoredDisk>> MoveAsync(CancellationToken cancellation = default) =>
        Engine.RestoreBackupAsync(TestMachine.Name, new RestoreBackupRequest { Repository = Machine.Repository, AsDomain = Copy, Move = true }, Report, cancellation);

    public Task<VMDomain> CopyAsync() => Engine.GetDomainAsync(Copy, Report, CancellationToken.None);

    /// <summary>Writes as the new machine's guest would.</summary>
    public async Task WriteAsync(byte pattern, long offset, long length)
    {
        JsonElement answer = await Engine.InvokeQmpAsync(Copy, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["command-line"] = string.Create(CultureInfo.InvariantCulture, $"qemu-io -d /machine/peripheral/mt-vda/virtio-backend \"write -P {pattern} {offset} {length}\""),
        }), CancellationToken.None);
        Assert.Equal("", answer.GetString());
        Expected.AsSpan((int)offset, (int)length).Fill(pattern);
    }

    public Task<VMDomain> StopAsync() => Engine.StopDomainAsync(Copy, force: true, TimeSpan.FromSeconds(20), Report, CancellationToken.None);

    /// <summary>Every file of the backed up machine in the repository: its bytes' hash, and when it was written last.</summary>
    public IReadOnlyDictionary<string, string> Repository() =>
        Directory.EnumerateFiles(Path.Combine(Machine.Repository, TestMachine.Name), "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Where(path => Path.GetFileName(path) != ".lock")
            .ToDictionary(path => path, path => $"{Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)))} {File.GetLastWriteTimeUtc(path):O}", StringComparer.Ordinal);

    /// <summary>What an image names as its backing file, by qemu-img.</summary>
    public static string? Backing(string path)
    {
        using var info = JsonDocument.Parse(Tool.Run("qemu-img", "info", "-U", "--output=json", path));
        return info.RootElement.TryGetProperty("backing-filename", out JsonElement name) ? name.GetString() : null;
    }

    /// <summary>No domain, no file, no process of the new machine.</summary>
    public void AssertNothingLeft(string where)
    {
        Assert.False(Engine.FindDomains("*").Contains(Copy, StringComparer.Ordinal), where);
        Assert.False(Directory.Exists(Destination), where);
        Assert.DoesNotContain(Processes(), process => process.CommandLine.Any(argument => argument.Contains(Destination + "/", StringComparison.Ordinal)));
        Assert.DoesNotContain(Directory.EnumerateDirectories(Path.Combine(Machine.Scratch, "state", "domains")), path => Path.GetFileName(path)[0] == '.');
    }

    public async ValueTask DisposeAsync()
    {
        foreach (HostProcess process in Processes().Where(process => process.Name.StartsWith("qemu", StringComparison.Ordinal)).ToArray())
        {
            process.Signal(HostProcess.Kill);
            await process.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        }

        await Machine.DisposeAsync();
    }

    private IEnumerable<HostProcess> Processes() => HostProcess.All().Where(process => process.CommandLine.Any(argument => argument.Contains(Machine.Scratch + "/", StringComparison.Ordinal)));
}
