using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Tests.Support;
using Xunit.Abstractions;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

[Trait("Proof", "crash")]
public sealed class DomainRenameTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MomentsAndBackupsGoOnUnderTheNewName(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);

        VMDomain renamed = await RenameAsync(machine, TestMachine.Name, "web2");
        Assert.Equal(("web2", running ? VMState.Paused : VMState.Stopped), (renamed.Name, renamed.State));
        Assert.Equal(["web2"], machine.Engine.FindDomains("*"));
        await Expect.FailsAsync(MachineErrors.VMNotFound, () => machine.MomentsAsync());
        IReadOnlyList<VMMoment> moments = await machine.Engine.GetMomentsAsync("web2", new MomentQuery(), machine.Report, CancellationToken.None);
        Assert.All(moments, moment => Assert.Equal(("web2", "OK"), (moment.VM, moment.Health)));
        Assert.Equal(2, moments.Count);
        Assert.Equal("a", Assert.Single(renamed.Disks).Current);
        Assert.Contains("<name>web2</name>", await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "..", "web2", "domain.xml")), StringComparison.Ordinal);
        IReadOnlyList<VMChangedBlock> changes = await machine.Engine.GetChangedBlocksAsync("web2", "a", [], machine.Report, CancellationToken.None);
        Assert.Equal([(2 * Grain, Grain)], changes.Select(change => (change.Offset, change.Length)));

        VMBackup backup = await machine.Engine.BackupAsync("web2", new BackupRequest { Repository = machine.Repository, Kind = VMBackupKind.Incremental }, machine.Report, CancellationToken.None);
        Assert.Equal(("web2", VMBackupKind.Incremental), (backup.VM, Assert.Single(backup.Disks).Kind));
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            "web2", new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
        Assert.Equal(machine.Content(machine.DiskPath("vda")), machine.Content(restored[0].Path));

        if (running)
        {
            JsonElement status = await machine.Engine.InvokeQmpAsync("web2", "query-status", null, CancellationToken.None);
            Assert.Equal("prelaunch", status.GetProperty("status").GetString());
            await machine.Engine.StopDomainAsync("web2", force: true, TimeSpan.FromSeconds(20), machine.Report, CancellationToken.None);
        }

        await RenameAsync(machine, "web2", TestMachine.Name);
        Assert.Equal(3, (await machine.MomentsAsync()).Count);
    }

    [SkippableFact]
    public async Task WhatCannotBeTheNameIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace("6f1b2a6e", "7f1b2a6e", StringComparison.Ordinal), Name = "other" }, machine.Report, CancellationToken.None);
        await Expect.FailsAsync(MachineErrors.VMExists, () => RenameAsync(machine, TestMachine.Name, "other"));
        await Expect.FailsAsync(MachineErrors.VMExists, () => RenameAsync(machine, TestMachine.Name, TestMachine.Name));
        await Expect.FailsAsync(XmlErrors.DomainNameInvalid, () => RenameAsync(machine, TestMachine.Name, "../x"));
        await Expect.FailsAsync(XmlErrors.DomainNameInvalid, () => RenameAsync(machine, TestMachine.Name, ".x"));
        await Expect.FailsAsync(MachineErrors.VMNotFound, () => RenameAsync(machine, "nosuch", "x"));
        Assert.Equal(["other", TestMachine.Name], machine.Engine.FindDomains("*"));
        Assert.Single(await machine.MomentsAsync());
    }

    // Copied by hand the directory has the same UUID: two names for one machine would fight over it.
    [SkippableFact]
    public async Task ATwinIsNoDomainOfItsOwn()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string twin = Path.Combine(machine.StateDirectory, "..", "twin");
        Directory.CreateDirectory(twin);
        File.Copy(Path.Combine(machine.StateDirectory, "domain.xml"), Path.Combine(twin, "domain.xml"));
        await Expect.FailsAsync(MachineErrors.VMDocumentMismatch, () => machine.Engine.GetDomainAsync("twin", machine.Report, CancellationToken.None));
        await Expect.FailsAsync(MachineErrors.VMExists, () => RenameAsync(machine, TestMachine.Name, "web2"));
        Directory.Delete(twin, recursive: true);
        await RenameAsync(machine, TestMachine.Name, "web2");
        await RenameAsync(machine, "web2", TestMachine.Name);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AProcessKilledAtAnyStepLeavesOneWholeDomain(bool running)
    {
        HashSet<string> names = [];
        await CrashHarness.RunAsync(output, $"rename, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            if (running)
                await machine.StartAsync();
            await machine.CheckpointAsync("a");
            await machine.WriteAsync("vda", 1, 0, Grain);
            bool died = machine.Dies(step, "rename", "web2");
            string name = Assert.Single(machine.Engine.FindDomains("*"));
            names.Add(name);
            Assert.Single(await machine.Engine.GetMomentsAsync(name, new MomentQuery(), machine.Report, CancellationToken.None));
            Assert.Equal(name, (await machine.Engine.GetDomainAsync(name, machine.Report, CancellationToken.None)).Name);
            await machine.Engine.CreateCheckpointAsync(name, new CreateCheckpointRequest { Name = "b" }, machine.Report, CancellationToken.None);
            Assert.Contains($"<name>{name}</name>", await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "..", name, "domain.xml")), StringComparison.Ordinal);
            IReadOnlyList<VMChangedBlock> changes = await machine.Engine.GetChangedBlocksAsync(name, "a", [], machine.Report, CancellationToken.None);
            Assert.Equal([(0, Grain)], changes.Select(change => (change.Offset, change.Length)));
            if (name != TestMachine.Name)
                await RenameAsync(machine, name, TestMachine.Name);
            return died;
        }, each: true);
        Assert.Equal(["web1", "web2"], names.Order(StringComparer.Ordinal));
    }

    // Who waited for the lock under the old name must not take the lock of the renamed one for that of a newcomer.
    [SkippableFact]
    public async Task WhoWaitedUnderTheOldNameFindsThatItIsGone()
    {
        Task<VMCheckpoint>? waiting = null;
        TestMachine? machine = null;
        machine = await TestMachine.CreateAsync(step =>
        {
            if (step == "domain-rename:move")
            {
                waiting = Task.Run(() => machine!.CheckpointAsync("late"));
                Thread.Sleep(300);
            }
        });
        await using TestMachine owned = machine;
        await RenameAsync(machine, TestMachine.Name, "web2");
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace("6f1b2a6e", "7f1b2a6e", StringComparison.Ordinal) }, machine.Report, CancellationToken.None);
        try
        {
            await waiting!;
            // The newcomer was there in time: then the checkpoint is its, made under its own lock.
            Assert.Single(await machine.MomentsAsync());
        }
        catch (MomentException gone)
        {
            Assert.Contains(gone.ErrorId, new[] { MachineErrors.VMNotFound, FileErrors.FileMissing });
        }

        Assert.Empty(await machine.Engine.GetMomentsAsync("web2", new MomentQuery(), machine.Report, CancellationToken.None));
    }

    private static Task<VMDomain> RenameAsync(TestMachine machine, string from, string to) =>
        machine.Engine.RenameDomainAsync(from, to, machine.Report, CancellationToken.None);
}
