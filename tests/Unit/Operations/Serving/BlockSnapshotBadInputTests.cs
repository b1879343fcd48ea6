using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>What cannot be made a block snapshot of, or with: refused by name before anything is touched, or undone to the last node.</summary>
public sealed class BlockSnapshotBadInputTests
{
    [SkippableFact]
    public async Task WhatCannotBeIsRefusedAndNothingIsTouched()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        string there = Path.Combine(machine.Scratch, "there"), scratch = Path.Combine(machine.Scratch, "s.qcow2");
        await File.WriteAllTextAsync(there, "mine");
        await fleece.NewAsync("one");
        await RefusedAsync(request => request with { Name = "one" }, ServingErrors.BlockSnapshotExists, "one");
        await RefusedAsync(request => request with { Name = "a/b" }, XmlErrors.MomentNameInvalid, "a/b");
        await RefusedAsync(request => request with { Disks = ["vdz"] }, XmlErrors.DiskNotInDomain, "vdz");
        await RefusedAsync(request => request with { Disks = ["vda", machine.DiskPath("vda")] }, XmlErrors.DiskNamedTwice, "vda");
        await RefusedAsync(request => request with { Scratch = Map(("vda", there)) }, FileErrors.FileExists, there);
        await RefusedAsync(request => request with { Scratch = Map(("vda", scratch), ("vdb", scratch)) }, BlockSnapshotErrors.ScratchPathInvalid, scratch);
        await RefusedAsync(request => request with { Scratch = Map(("vda", "s.qcow2")) }, BlockSnapshotErrors.ScratchPathInvalid, "s.qcow2");
        await RefusedAsync(request => request with { Disks = ["vda"], Scratch = Map(("vdb", scratch)) }, BlockSnapshotErrors.ScratchPathInvalid, "vdb");
        await RefusedAsync(request => request with { ScratchDirectory = "/no/such" }, FileErrors.FileMissing, "/no/such");
        await RefusedAsync(request => request with { ScratchDirectory = "here" }, BlockSnapshotErrors.ScratchPathInvalid, "here");
        await RefusedAsync(request => request with { ScratchDirectory = there }, FileErrors.FileMissing, there);
        await RefusedAsync(request => request with { ScratchLimit = 65536 }, BlockSnapshotErrors.ScratchLimitInvalid, "65536");
        await RefusedAsync(request => request with { Lease = TimeSpan.Zero }, ServingErrors.LeaseInvalid);
        await RefusedAsync(request => request with { Xml = "<domainblocksnapshot><disk name='vda'><scratch file='s'/></disk></domainblocksnapshot>" }, XmlErrors.XmlRuleBroken);
        Assert.Equal("mine", await File.ReadAllTextAsync(there));
        await machine.CheckpointAsync("taken");
        await RefusedAsync(request => request with { NewCheckpoint = "taken" }, MomentErrors.MomentExists, "taken");
        await Untouched.RefusedAsync(machine, () => fleece.RemoveAsync("two"), ServingErrors.BlockSnapshotNotFound, "two");

        async Task RefusedAsync(Func<CreateBlockSnapshotRequest, CreateBlockSnapshotRequest> with, ErrorId id, params string[] named)
        {
            string before = await fleece.CountAsync();
            await Untouched.RefusedAsync(machine, () => fleece.NewAsync("two", with), id, named);
            Assert.Equal(before, await fleece.CountAsync());
        }
    }

    [SkippableFact]
    public async Task AScratchDirectoryThatTakesNothingIsSaidAndAllIsUndone()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        string directory = Path.Combine(machine.Scratch, "small");
        using SmallFileSystem small = SmallFileSystem.Over(directory, 1);
        string before = await fleece.CountAsync();
        small.Fill(0);
        MomentException full = await Assert.ThrowsAsync<MomentException>(() => fleece.NewAsync("one", request => request with { ScratchDirectory = directory, NewCheckpoint = "instant" }));
        Assert.Equal(FileErrors.StorageFull, full.ErrorId);
        Assert.Contains(directory, full.Message, StringComparison.Ordinal);
        small.Free();
        small.ReadOnly(true);
        MomentException denied = await Assert.ThrowsAsync<MomentException>(() => fleece.NewAsync("one", request => request with { ScratchDirectory = directory }));
        Assert.Equal(FileErrors.StorageFailed, denied.ErrorId);
        small.ReadOnly(false);
        Assert.Equal(before, await fleece.CountAsync());
        Assert.Empty(await machine.MomentsAsync());
        Assert.Empty(Directory.EnumerateFiles(directory));
        Assert.Equal("running", await fleece.StatusAsync());
        await fleece.NewAsync("one", request => request with { ScratchDirectory = directory });
        await fleece.RemoveAsync("one");
        Assert.Equal(before, await fleece.CountAsync());
    }

    [SkippableFact]
    public async Task ADocumentIsAsGoodAsParametersAndComesBack()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        string scratch = Path.Combine(machine.Scratch, "mine.scratch");
        Tool.Run("chmod", "640", machine.DiskPath("vdb"));
        VMBlockSnapshot made = await machine.Engine.CreateBlockSnapshotAsync(
            TestMachine.Name,
            new CreateBlockSnapshotRequest { Xml = $"<domainblocksnapshot><name>doc</name><disk name='vdb' type='file'><fleece file='{scratch}'/></disk></domainblocksnapshot>" },
            machine.Report, CancellationToken.None);
        Assert.Equal(("doc", "vdb", scratch), (made.Name, Assert.Single(made.Disks).Name, made.Disks[0].ScratchPath));
        Assert.Equal(Libc.Owner(machine.DiskPath("vdb")), Libc.Owner(scratch));
        string xml = await machine.Engine.GetBlockSnapshotXmlAsync(TestMachine.Name, "doc", machine.Report, CancellationToken.None);
        Assert.Equal(new BlockSnapshotDocumentDisk("vdb", scratch), Assert.Single(BlockSnapshotDocument.Parse(xml, "it").Disks));
        await fleece.RemoveAsync("doc");
        Assert.False(File.Exists(scratch));
    }

    private static Dictionary<string, string> Map(params (string Disk, string Path)[] files) => files.ToDictionary(file => file.Disk, file => file.Path, StringComparer.Ordinal);
}
