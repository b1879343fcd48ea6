using MomentTools.Errors;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Security;

/// <summary>An image from a stranger: it names other files, and a machine on it reads none of them unless its user says so.</summary>
public sealed class ForeignImageTests
{
    [SkippableTheory]
    [InlineData("absolute")]
    [InlineData("relative")]
    [InlineData("link")]
    [InlineData("another disk")]
    public async Task AFileThatAnImageNamesIsNotRead(string kind)
    {
        using var elsewhere = new ScratchDirectory();
        await using TestMachine machine = await TestMachine.CreateAsync();
        Stand(machine, elsewhere, kind);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.StartAsync());
        Assert.Equal(("DiskBackingForeign", ErrorKind.InvalidState), (refused.ErrorId.Name, refused.Kind));
        Assert.Contains("-AcceptBacking", refused.Advice, StringComparison.Ordinal);
        Assert.Equal(VMState.Stopped, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);

        string before = await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "domain.xml"));
        var request = new RegisterDomainRequest { Xml = machine.Xml(), Update = true };
        Assert.Equal("DiskBackingForeign", (await Assert.ThrowsAsync<MomentException>(() => machine.Engine.RegisterDomainAsync(request, machine.Report, CancellationToken.None))).ErrorId.Name);
        Assert.Equal(before, await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "domain.xml")));
        string other = machine.Xml().Replace("<name>web1", "<name>web2", StringComparison.Ordinal).Replace("6f1b2a6e", "7f1b2a6e", StringComparison.Ordinal);
        Assert.Equal("DiskBackingForeign", (await Assert.ThrowsAsync<MomentException>(() => machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = other }, machine.Report, CancellationToken.None))).ErrorId.Name);
        Assert.Equal([TestMachine.Name], machine.Engine.FindDomains("*"));
    }

    [SkippableFact]
    public async Task WhatIsAcceptedIsListedAndStaysAcceptedAsLayersAreAdded()
    {
        using var elsewhere = new ScratchDirectory();
        await using TestMachine machine = await TestMachine.CreateAsync();
        string named = Stand(machine, elsewhere, "another disk");
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml(), Update = true, AcceptBacking = true }, machine.Report, CancellationToken.None);
        Assert.Contains($"<source file=\"{named}\"", await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "domain.xml")), StringComparison.Ordinal);
        await machine.StartAsync();
        await machine.SnapshotAsync("one", request => request with { DiskOnly = true });
        await machine.StopAsync();
        // The definition names the new layer now; what it stands on is recorded.
        await machine.StartAsync();
        await machine.StopAsync();
        await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "one" }, machine.Report, CancellationToken.None);
        await machine.StartAsync();
    }

    [SkippableFact]
    public async Task AFileBesideTheImageNeedsNoWord()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string below = Directory.CreateDirectory(Path.Combine(machine.Scratch, "bases")).FullName;
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", below + "/base.img", "64M");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "bases/base.img", "-F", "raw", machine.DiskPath("vda"));
        await machine.StartAsync();
    }

    [SkippableTheory]
    [InlineData("json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}")]
    [InlineData("nbd://127.0.0.1:1/x")]
    [InlineData("https://127.0.0.1:1/x")]
    public async Task ANameThatIsNoFileIsNotFollowed(string name)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", name, "-F", "raw", machine.DiskPath("vda"));
        Assert.Equal("Qcow2BackingNameUnsupported", (await Assert.ThrowsAsync<MomentException>(() => machine.StartAsync())).ErrorId.Name);
        Assert.Equal("Qcow2BackingNameUnsupported", (await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync())).ErrorId.Name);
    }

    [SkippableFact]
    public async Task DataInAFileElsewhereIsNeitherReadNorWritten()
    {
        using var elsewhere = new ScratchDirectory();
        await using TestMachine machine = await TestMachine.CreateAsync();
        string data = elsewhere["data"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={data}", machine.DiskPath("vda"), "64M");
        await File.WriteAllTextAsync(data, "mine");
        foreach (Func<Task> doing in (Func<Task>[])[machine.StartAsync, () => machine.BackupAsync(), () => machine.CheckpointAsync("one"), () => machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml(), Update = true, AcceptBacking = true }, machine.Report, CancellationToken.None)])
            Assert.Equal("DiskBackingForeign", (await Assert.ThrowsAsync<MomentException>(doing)).ErrorId.Name);
        Assert.Equal("mine", await File.ReadAllTextAsync(data));
    }

    // Makes the machine's image stand on a file that lies elsewhere.
    private static string Stand(TestMachine machine, ScratchDirectory elsewhere, string kind)
    {
        string disk = machine.DiskPath("vda"), name = "/etc/passwd", format = "raw";
        switch (kind)
        {
            case "relative":
                name = string.Concat(Enumerable.Repeat("../", 8)) + "etc/passwd";
                break;
            case "link":
                File.CreateSymbolicLink(Path.Combine(machine.Scratch, "base.img"), "/etc/passwd");
                name = "base.img";
                break;
            case "another disk":
                name = elsewhere["theirs.qcow2"];
                format = "qcow2";
                Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", name, "64M");
                break;
        }

        Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", name, "-F", format, disk, "64M");
        return name;
    }
}
