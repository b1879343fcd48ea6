using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>A running machine with two disks that is backed up by pull, with something happening at a step of it.</summary>
internal sealed class Pull : IAsyncDisposable
{
    private const long Grain = 65536;

    private static readonly EnumerationOptions Hidden = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None };

    private (string Step, Func<Task> Action, bool Wait)? _at;
    private bool _writesOn;
    private int _writes;
    private Task _apart = Task.CompletedTask;

    public TestMachine Machine { get; private set; } = null!;

    public static async Task<Pull> StartAsync(bool discard = false)
    {
        var pull = new Pull();
        pull.Machine = await TestMachine.CreateAsync(TestMachine.DiskSize, discard, pull.Probe, ["vda", "vdb"]);
        await pull.RestartAsync();
        return pull;
    }

    public Task RestartAsync() => Machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, Machine.Report, CancellationToken.None);

    /// <summary>What happens once at the next step of that name.</summary>
    public void At(string step, Func<Task> action, bool wait = true) => _at = (step, action, wait);

    public Task<JsonElement> QmpAsync(string command, string? arguments = null) => Machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments, CancellationToken.None);

    /// <param name="with">Changes the request.</param>
    /// <param name="writesOn">Whether the guest writes at every step from the instant on.</param>
    /// <param name="cancellation">Cancels it.</param>
    public async Task<VMBackup> BackupAsync(Func<BackupRequest, BackupRequest>? with = null, bool writesOn = false, CancellationToken cancellation = default)
    {
        _writesOn = writesOn;
        try
        {
            return await Machine.Engine.BackupAsync(TestMachine.Name, (with ?? (request => request))(new BackupRequest { Repository = Machine.Repository, Pull = true }), Machine.Report, cancellation);
        }
        finally
        {
            _writesOn = false;
            await _apart;
        }
    }

    /// <summary>A backup that fails and leaves nothing.</summary>
    public async Task<MomentException> FailsAsync(Func<BackupRequest, BackupRequest>? with = null)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => BackupAsync(with));
        await AssertNothingLeftAsync();
        return failure;
    }

    /// <summary>Has another process make a full backup, slowly, and kills it as soon as its storage daemon reads.</summary>
    public async Task KillInTheMiddleAsync()
    {
        var start = new ProcessStartInfo("dotnet", [
            Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(Machine.Scratch, "state"), Path.Combine(Machine.Scratch, "run"), TestMachine.Name, "0", "backup-pull-slowly", Machine.Repository])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        for (int look = 0; !Targets().Any(file => file.Length > 1 << 20); look++)
        {
            Assert.True(look < 6000 && !process.HasExited, "nothing is copied");
            await Task.Delay(20);
        }

        process.Kill();
        await process.WaitForExitAsync();
        Assert.True(Daemons() > 0);
    }

    /// <summary>Writes, zeroes and discards all over both disks, another way each round.</summary>
    public async Task ScribbleAsync(int round)
    {
        foreach (string disk in Machine.Disks)
        {
            for (int piece = 0; piece < 6; piece++)
            {
                long at = (round * 7 + piece * 29) % 200 * Grain;
                string command = ((round + piece) % 4) switch
                {
                    0 => $"write -z {at} {2 * Grain}",
                    1 => $"discard {at} {3 * Grain}",
                    _ => $"write -P {1 + (round * 6 + piece) % 200} {at + 512} {3 * Grain - 4096}",
                };
                await Machine.IoAsync(disk, command);
            }
        }
    }

    /// <summary>Copies of what both disks hold now.</summary>
    public async Task<string[]> ContentAsync()
    {
        List<string> copies = [];
        foreach (string disk in Machine.Disks)
        {
            await Machine.IoAsync(disk, "flush");
            copies.Add(Path.Combine(Machine.Scratch, Guid.NewGuid().ToString("N") + ".qcow2"));
            Tool.Run("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "qcow2", Machine.DiskPath(disk), copies[^1]);
        }

        return [.. copies];
    }

    public async Task AssertRestoresAsync(VMBackup backup, string[] content)
    {
        string destination = Path.Combine(Machine.Scratch, "r" + Guid.NewGuid().ToString("N"));
        IReadOnlyList<VMRestoredDisk> restored = await Machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = Machine.Repository, Id = backup.Id, Destination = destination }, Machine.Report, CancellationToken.None);
        foreach ((VMRestoredDisk disk, string expected) in restored.Zip(content))
            Tool.Run("qemu-img", "compare", "-U", "-f", "qcow2", "-F", "qcow2", expected, disk.Path);
    }

    /// <summary>After a backup that did not come to be: the one before is the newest, nothing is left, and the next is an increment that is right.</summary>
    /// <param name="before">The backup before.</param>
    /// <param name="abandoned">Whether the repository still has what was not finished: the next backup removes it.</param>
    public async Task AssertGoesOnAsync(VMBackup before, bool abandoned = false)
    {
        await AssertNothingLeftAsync(abandoned);
        string[] checkpoints = [.. (await Machine.MomentsAsync()).Select(moment => moment.Name)];
        Assert.DoesNotContain(checkpoints, name => name != before.Checkpoint);
        Assert.Equal("running", (await QmpAsync("query-status")).GetProperty("status").GetString());
        IReadOnlyList<VMBackup> backups = await Machine.Engine.GetBackupsAsync(Machine.Repository, null, null, Machine.Report, CancellationToken.None);
        Assert.Equal(before.Id, Assert.Single(backups).Id);
        await Machine.WriteAsync("vda", 77, 11 * Grain, Grain);
        string[] content = await ContentAsync();
        await AssertRestoresAsync(await BackupAsync(request => request with { Kind = VMBackupKind.Incremental }), content);
        await AssertNothingLeftAsync();
        Assert.Empty(Machine.Report.Failures);
    }

    public async Task AssertNothingLeftAsync(bool abandoned = false)
    {
        string nodes = await Machine.NodesAsync();
        foreach (string word in (string[])["mt-bs-", "mt-inc-", "mt-tmp-"])
            Assert.DoesNotContain(word, nodes, StringComparison.Ordinal);
        foreach (string query in (string[])["query-jobs", "query-block-exports"])
            Assert.Equal(0, (await QmpAsync(query)).GetArrayLength());
        Assert.Empty(Directory.EnumerateFiles(Machine.Scratch, "*.scratch.*"));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(Machine.StateDirectory, "journal")));
        Assert.Equal(abandoned ? 1 : 0, Directory.EnumerateFileSystemEntries(Machine.Repository, "*.partial", Hidden).Count());
        Assert.Equal(0, Daemons());
    }

    public async ValueTask DisposeAsync()
    {
        await _apart;
        await Machine.DisposeAsync();
    }

    private void Probe(string step)
    {
        if (_at is { } at && at.Step == step)
        {
            _at = null;
            if (at.Wait)
                at.Action().GetAwaiter().GetResult();
            else
                _apart = Task.Run(at.Action);
        }

        if (_writesOn && step is "backup-pull:taken" or "backup-pull:views" or "backup-pull:capture" or "backup-pull:comparing" or "backup-pull:exports" or "backup-pull:copying" or "backup-pull:copied" && _writesOn)
            ScribbleAsync(40 + _writes++).GetAwaiter().GetResult();
    }

    private IEnumerable<FileInfo> Targets() =>
        Directory.EnumerateFileSystemEntries(Machine.Repository, "*.partial", Hidden).SelectMany(Directory.EnumerateFiles).Select(path => new FileInfo(path));

    private int Daemons() => Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out _))
        .Count(process => Line(process) is var line && line.Contains("qemu-storage-daemon", StringComparison.Ordinal) && line.Contains(Machine.Scratch, StringComparison.Ordinal));

    private static string Line(string process)
    {
        try
        {
            return File.ReadAllText(process + "/cmdline");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
