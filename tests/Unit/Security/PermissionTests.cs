using System.Runtime.InteropServices;
using MomentTools.Files;
using MomentTools.Errors;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Security;

/// <summary>Alone, since the umask is that of the whole process.</summary>
[CollectionDefinition("umask", DisableParallelization = true)]
public sealed class UmaskCollection;

/// <summary>What other users of the host can see and reach of ours, whatever the umask is: nothing.</summary>
[Collection("umask")]
public sealed partial class PermissionTests
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(0x12)]
    public async Task NothingOfOursIsOpenToOthers(uint umask)
    {
        uint before = Umask(umask);
        try
        {
            await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
            await machine.CheckpointAsync("stopped");
            await machine.BackupAsync();
            await machine.StartAsync();
            await machine.WriteAsync("vda", 1, 0, 65536);
            await machine.CheckpointAsync("running");
            await machine.BackupAsync();
            await machine.Engine.BackupAsync(TestMachine.Name, new BackupRequest { Repository = machine.Repository, Pull = true }, machine.Report, CancellationToken.None);
            await machine.SnapshotAsync("layers", request => request with { Memory = true });
            await machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, new CreateBlockSnapshotRequest { Name = "view" }, machine.Report, CancellationToken.None);
            await machine.Engine.StartBlockExportAsync(TestMachine.Name, new StartBlockExportRequest { Snapshot = "view" }, machine.Report, CancellationToken.None);
            VMBackup backup = (await machine.Engine.GetBackupsAsync(machine.Repository, TestMachine.Name, null, machine.Report, CancellationToken.None))[^1];
            await machine.Engine.RestoreBackupAsync(
                TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);

            string[] state = All(Path.Combine(machine.Scratch, "state")), run = All(Path.Combine(machine.Scratch, "run"));
            Assert.Contains(state, path => path.EndsWith("/qemu.log", StringComparison.Ordinal));
            Assert.Contains(state, path => path.Contains("/segments/", StringComparison.Ordinal));
            Assert.All(state, path => Assert.Equal((path, (UnixFileMode)0), (path, File.GetUnixFileMode(path) & Others)));
            // A socket is made by QEMU, with the umask that there is: the directory is what keeps others out.
            Assert.Contains(run, path => Libc.KindOf(path) == FileKind.Socket);
            Assert.All(run.Where(path => Libc.KindOf(path) != FileKind.Socket), path => Assert.Equal((path, (UnixFileMode)0), (path, File.GetUnixFileMode(path) & Others)));
            // What holds a guest's content or passwords, in a repository too.
            string[] content = [.. All(machine.Repository).Where(path => Path.GetExtension(path) is ".qcow2" or ".xml"), .. All(Path.Combine(machine.Scratch, "restored")).Where(File.Exists)];
            Assert.True(content.Length >= 10, string.Join(' ', content));
            Assert.All(content, path => Assert.Equal((path, (UnixFileMode)0), (path, File.GetUnixFileMode(path) & Others)));
        }
        finally
        {
            _ = Umask(before);
        }
    }

    [Fact]
    public void ADirectoryThatWasOpenIsClosedAndOneAboveIsMadeClosed()
    {
        using var scratch = new ScratchDirectory();
        string open = Directory.CreateDirectory(scratch["open"], (UnixFileMode)0x1ff).FullName;
        PrivateDirectory.Make(open);
        Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(open) & Others);
        PrivateDirectory.Make(scratch["a/b/c"]);
        Assert.All((string[])["a", "a/b", "a/b/c"], name => Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(scratch[name]) & Others));
    }

    [SkippableFact]
    public void SocketsAreNotKeptWhereSomebodyElseCouldPutOthers()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "directories of other users are made by root");
        using var scratch = new ScratchDirectory();
        File.SetUnixFileMode(scratch.Path, (UnixFileMode)0x1ff);
        MomentException writable = Assert.Throws<MomentException>(() => PrivateDirectory.MakeForSockets(scratch["run/x"]));
        Assert.Equal((FileErrors.SocketDirectoryUnsafe, ErrorKind.AccessDenied, scratch.Path), (writable.ErrorId, writable.Kind, writable.Target));
        File.SetUnixFileMode(scratch.Path, (UnixFileMode)0x1c0);
        PrivateDirectory.MakeForSockets(scratch["run/x"]);

        // As one who waits in /tmp for the name that is going to be used.
        Tool.Run("chown", "12345", scratch["run"]);
        MomentException foreign = Assert.Throws<MomentException>(() => PrivateDirectory.MakeForSockets(scratch["run/x"]));
        Assert.Equal((FileErrors.SocketDirectoryUnsafe, scratch["run"]), (foreign.ErrorId, foreign.Target));
        Assert.Contains("12345", foreign.Message, StringComparison.Ordinal);
        Tool.Run("chown", "0", scratch["run"]);
        Tool.Run("chown", "12345", scratch["run/x"]);
        Assert.Equal(FileErrors.SocketDirectoryUnsafe, Assert.Throws<MomentException>(() => PrivateDirectory.MakeForSockets(scratch["run/x"])).ErrorId);

        // Behind a link it is the directory itself that counts.
        Directory.CreateSymbolicLink(scratch["link"], scratch["run"]);
        Assert.Throws<MomentException>(() => PrivateDirectory.MakeForSockets(scratch["link/x"]));
        Tool.Run("chown", "0", scratch["run/x"]);
        PrivateDirectory.MakeForSockets(scratch["link/x"]);
        // Unless the link is somebody else's, who could lead it elsewhere.
        Tool.Run("chown", "-h", "12345", scratch["link"]);
        Assert.Equal(scratch["link"], Assert.Throws<MomentException>(() => PrivateDirectory.MakeForSockets(scratch["link/x"])).Target);
    }

    private static string[] All(string directory) =>
        [.. Directory.EnumerateFileSystemEntries(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }).Prepend(directory)];

    [LibraryImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint Umask(uint mask);
}
