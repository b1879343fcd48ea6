using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Qmp;
using MomentTools.Tests.Machines;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

public sealed class DomainLifeTests
{
    private readonly Told _told = new();

    [SkippableFact]
    public async Task AMachineIsRegisteredStartedStoppedAndForgotten()
    {
        await using var sample = new MachineSample();
        var life = new DomainLifeOperations(sample.Catalogue);
        sample.Catalogue.Remove(sample.Place);
        sample.CreateImage("vda");
        string xml = sample.Xml("vda").Replace("<uuid>93a5c045-6457-2c09-e56c-927cdf34e178</uuid>", "", StringComparison.Ordinal)
            .Replace("</devices>", "<memballoon model='virtio'/></devices>", StringComparison.Ordinal);
        VMDomain domain = await life.RegisterAsync(new RegisterDomainRequest { Xml = xml }, _told, CancellationToken.None);
        Assert.NotEqual(Guid.Empty, domain.Uuid);
        Assert.Equal((VMState.Stopped, false, null), (domain.State, domain.Attached, domain.Monitor));
        VMDisk disk = Assert.Single(domain.Disks);
        Assert.Equal(("vda", sample.Image("vda"), "qcow2", 16L << 20, true), (disk.Name, disk.Path, disk.Format, disk.Size, disk.Trackable));
        DomainPlace place = sample.Catalogue.Place("web");
        VMDomain started = await life.StartAsync(place, paused: false, check: null, _told, CancellationToken.None);
        Assert.Equal(VMState.Running, started.State);
        Assert.NotNull(started.ProcessId);
        Assert.Equal("unix:" + place.MonitorPath, started.Monitor);
        Assert.Contains("memballoon", Assert.Single(_told.Warnings), StringComparison.Ordinal);
        Assert.Equal(VMState.Stopped, (await life.StopAsync(place, force: true, TimeSpan.Zero, _told, CancellationToken.None)).State);
        sample.Catalogue.Remove(place);
        Assert.Empty(sample.Catalogue.Names());
        Assert.True(File.Exists(sample.Image("vda")));
    }

    [SkippableFact]
    public async Task WhyADiskCannotBeTrackedIsSaid()
    {
        await using var sample = new MachineSample();
        sample.Catalogue.Remove(sample.Place);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", sample.Image("vda"), "1M");
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", sample.Image("vdb"), "1M");
        await File.WriteAllTextAsync(sample.Image("vdc"), "no image");
        string xml = sample.Xml("vda", "vdb", "vdc", "vdd").Replace($"type='qcow2'/><source file='{sample.Image("vdb")}'", $"type='raw'/><source file='{sample.Image("vdb")}'", StringComparison.Ordinal);
        VMDomain domain = await new DomainLifeOperations(sample.Catalogue).RegisterAsync(new RegisterDomainRequest { Xml = xml }, _told, CancellationToken.None);
        Assert.All(domain.Disks, disk => Assert.False(disk.Trackable));
        string[] reasons = ["version 2", "'raw'", "cannot be read", "does not exist"];
        Assert.All(domain.Disks.Zip(reasons), pair => Assert.Contains(pair.Second, pair.First.Reason, StringComparison.Ordinal));
        Assert.Equal([1L << 20, 1L << 20, null, null], domain.Disks.Select(disk => disk.Size));
    }

    [SkippableFact]
    public async Task WhatCannotBeRegisteredIsRefused()
    {
        await using var sample = new MachineSample();
        var life = new DomainLifeOperations(sample.Catalogue);
        Task Register(RegisterDomainRequest request) => life.RegisterAsync(request, _told, CancellationToken.None);
        await Expect.FailsAsync(MachineErrors.VMDefinitionMissing, () => Register(new RegisterDomainRequest { Name = "x" }));
        await Expect.FailsAsync(MachineErrors.VMExists, () => Register(new RegisterDomainRequest { Xml = sample.Xml() }));
        await Expect.FailsAsync(XmlErrors.XmlMalformed, () => Register(new RegisterDomainRequest { Xml = "<domain" }));
        string relative = sample.Xml("vda").Replace(sample.Image("vda"), "vda.qcow2", StringComparison.Ordinal);
        await Expect.FailsAsync(DiskErrors.DiskPathRelative, () => Register(new RegisterDomainRequest { Xml = relative, Name = "other" }));
        await Expect.FailsAsync(QmpErrors.QmpMonitorUnreachable, () => Register(new RegisterDomainRequest { Monitor = sample.Scratch["none"], Name = "other" }));
        await Expect.FailsAsync(QmpErrors.QmpAddressInvalid, () => Register(new RegisterDomainRequest { Monitor = "nonsense", Name = "other" }));
        Assert.Equal(["web"], sample.Catalogue.Names());
    }

    [SkippableFact]
    public async Task AMachineOfSomebodyElseIsAttached()
    {
        await using var sample = new MachineSample();
        foreach (string disk in (string[])["a", "b", "c"])
            sample.CreateImage(disk);
        StartForeign(sample,
            "-drive", $"file={sample.Image("a")},format=qcow2,if=virtio",
            "-blockdev", $$$"""{"driver":"qcow2","node-name":"n","file":{"driver":"file","filename":"{{{sample.Image("b")}}}"}}""", "-device", "virtio-blk-pci,drive=n,id=data",
            "-drive", $"file={sample.Image("c")},format=qcow2,if=none,id=ide1", "-device", "ide-hd,drive=ide1,id=old");
        var life = new DomainLifeOperations(sample.Catalogue);
        var request = new RegisterDomainRequest { Monitor = sample.Scratch["qmp"] };
        await Expect.FailsAsync(MachineErrors.VMNameMissing, () => life.RegisterAsync(request, _told, CancellationToken.None));
        VMDomain domain = await life.RegisterAsync(request with { Name = "theirs" }, _told, CancellationToken.None);
        Assert.Equal((VMState.Paused, true, "unix:" + sample.Scratch["qmp"]), (domain.State, domain.Attached, domain.Monitor));
        Assert.Equal(["vda", "vdb", "sda"], domain.Disks.Select(disk => disk.Name).OrderBy(name => name is "sda" ? 1 : 0).ThenBy(name => name, StringComparer.Ordinal));
        Assert.All(domain.Disks, disk => Assert.True(disk.Trackable, disk.Reason));

        DomainPlace place = sample.Catalogue.Place("theirs");
        DomainDocument document = sample.Catalogue.Load(place);
        Assert.Equal("virtio0", document.FindDisk("vda")!.Alias);
        Assert.Equal("data", document.FindDisk("vdb")!.Alias);
        await using (BlockSession session = await BlockSession.OpenAsync(place, document, ["vda", "vdb", "sda"], BlockAccess.Change, CancellationToken.None))
        {
            Assert.True(session.IsMachine);
            Assert.StartsWith("#block", session.Disks["vda"].NodeName, StringComparison.Ordinal);
            Assert.Equal("n", session.Disks["vdb"].NodeName);
            Assert.Equal("/machine/peripheral/old", session.Disks["sda"].QomPath);
            await session.Qmp.BitmapAddAsync(session.Disks["vda"].NodeName, "b", persistent: true, granularity: null, disabled: false, CancellationToken.None);
            await MachineSample.WriteAsync(session, "vda", 0, 65536);
            Assert.Equal(65536, Assert.Single((await session.BitmapsAsync(CancellationToken.None))["vda"]).Count);
            await session.CloseAsync(CancellationToken.None);
        }

        await Expect.FailsAsync(MachineErrors.VMAttached, () => life.StartAsync(place, paused: false, check: null, _told, CancellationToken.None));
        // A machine whose monitor has gone may run all the same: its locks tell.
        File.Move(sample.Scratch["qmp"], sample.Scratch["hidden"]);
        Assert.Equal(VMState.Stopped, (await life.DescribeAsync(place, _told, CancellationToken.None)).State);
        MomentException held = await Expect.FailsAsync(DiskErrors.DiskLocked, () => BlockSession.OpenAsync(place, document, ["vda"], BlockAccess.Change, CancellationToken.None));
        Assert.Contains("attach it by its monitor", held.Advice, StringComparison.Ordinal);
        File.Move(sample.Scratch["hidden"], sample.Scratch["qmp"]);

        await life.StopAsync(place, force: true, TimeSpan.Zero, _told, CancellationToken.None);
        await using BlockSession stopped = await BlockSession.OpenAsync(place, document, ["vda"], BlockAccess.Read, CancellationToken.None);
        Assert.False(stopped.IsMachine);
        Assert.Equal(65536, Assert.Single((await stopped.BitmapsAsync(CancellationToken.None))["vda"]).Count);
        await stopped.CloseAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task ADiskOfAForeignMachineWithoutAFileIsLeftOut()
    {
        await using var sample = new MachineSample();
        sample.CreateImage("a");
        StartForeign(sample, "-name", "mine", "-uuid", "11111111-2222-3333-4444-555555555555", "-drive", "driver=null-co,size=1M,if=virtio", "-drive", $"file={sample.Image("a")},format=qcow2,if=virtio");
        var life = new DomainLifeOperations(sample.Catalogue);
        VMDomain domain = await life.RegisterAsync(new RegisterDomainRequest { Monitor = sample.Scratch["qmp"] }, _told, CancellationToken.None);
        Assert.Equal(("mine", Guid.Parse("11111111-2222-3333-4444-555555555555")), (domain.Name, domain.Uuid));
        Assert.Equal(sample.Image("a"), Assert.Single(domain.Disks).Path);
        Assert.Contains("left out", Assert.Single(_told.Warnings), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ARelativePathOfAForeignMachineIsRefused()
    {
        await using var sample = new MachineSample();
        sample.CreateImage("a");
        Tool.Run("sh", "-c", $"cd {sample.Scratch.Path} && exec qemu-system-x86_64 -nodefaults -display none -machine q35 -accel tcg -m 64 -S -qmp unix:{sample.Scratch["qmp"]},server=on,wait=off -daemonize -drive file=a.qcow2,format=qcow2,if=virtio");
        await Expect.FailsAsync(
            DiskErrors.DiskPathRelative,
            () => new DomainLifeOperations(sample.Catalogue).RegisterAsync(new RegisterDomainRequest { Name = "x", Monitor = sample.Scratch["qmp"] }, _told, CancellationToken.None));
        Assert.Equal(["web"], sample.Catalogue.Names());
    }

    [SkippableFact]
    public async Task AMachineThatIsHeldByAnotherClientIsUnknownWithAWarning()
    {
        await using var sample = new MachineSample();
        StartForeign(sample, "-name", "mine");
        var life = new DomainLifeOperations(sample.Catalogue);
        await life.RegisterAsync(new RegisterDomainRequest { Monitor = sample.Scratch["qmp"] }, _told, CancellationToken.None);
        await using QmpClient other = await QmpClient.ConnectAsync(new UnixQmpAddress(sample.Scratch["qmp"]), CancellationToken.None);
        VMDomain domain = await life.DescribeAsync(sample.Catalogue.Place("mine"), _told, CancellationToken.None);
        Assert.Equal(VMState.Unknown, domain.State);
        Assert.Contains("another client", Assert.Single(_told.Warnings), StringComparison.Ordinal);
    }

    private static void StartForeign(MachineSample sample, params string[] arguments) => Tool.Run(
        "qemu-system-x86_64",
        ["-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-S", "-qmp", $"unix:{sample.Scratch["qmp"]},server=on,wait=off", "-daemonize", .. arguments]);

    private sealed class Told : IOperationReport
    {
        public List<string> Warnings { get; } = [];

        public void Warning(string text) => Warnings.Add(text);

        public void Verbose(string text)
        {
        }

        public void Progress(OperationProgress progress)
        {
        }

        public void Failure(MomentException failure) => throw failure;
    }
}
