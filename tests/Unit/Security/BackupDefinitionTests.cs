using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Operations.Backups.Checking;
using MomentTools.Xml;

namespace MomentTools.Tests.Security;

/// <summary>
/// The definition in a backup may be a stranger's: it becomes a machine only with what an installed QEMU needs, with what the registered machine
/// of its UUID has as well, or when the user vouches for it. What it names never runs before that, and is neither read nor written.
/// </summary>
public sealed class BackupDefinitionTests
{
    private const string CommandLine = "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>";

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStrangersProgramIsNotRunAndNothingIsMade(bool instant)
    {
        await using TestMachine machine = await WithBackupAsync();
        string ran = Path.Combine(machine.Scratch, "ran"), program = Path.Combine(machine.Scratch, "qemu-system-x86_64");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\ntouch {ran}\nexit 1\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Harm(machine, "<devices>", $"<devices><emulator>{program}</emulator>");

        MomentException refused = await RefusedAsync(machine, instant);
        Assert.Equal(("RestoreDefinitionUntrusted", ErrorKind.InvalidState), (refused.ErrorId.Name, refused.Kind));
        Assert.Contains($"runs the program '{program}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("-TrustDefinition", refused.Advice, StringComparison.Ordinal);
        Assert.True(File.Exists(refused.Target));
        Assert.False(File.Exists(ran));
        Assert.False(Directory.Exists(Destination(machine)));
        Assert.Equal([TestMachine.Name], machine.Engine.FindDomains("*"));
    }

    [SkippableTheory]
    [InlineData("</domain>", CommandLine + "<qemu:arg value='-chardev'/><qemu:arg value='file,id=x,path=/tmp/x'/></qemu:commandline></domain>", "gives QEMU the arguments '-chardev file,id=x,path=/tmp/x'")]
    [InlineData("</domain>", CommandLine + "<qemu:env name='LD_PRELOAD' value='/tmp/x.so'/></qemu:commandline></domain>", "a value of its own for the variable 'LD_PRELOAD'")]
    [InlineData("</domain>", CommandLine + "<qemu:arg value='-object'/><qemu:arg value='secret,id=x,data=hush'/></qemu:commandline></domain>", "gives QEMU the arguments '-object …'")]
    [InlineData("<devices>", "<devices><emulator>/bin/sh</emulator>", "runs the program '/bin/sh'")]
    [InlineData("<devices>", "<devices><emulator>sh</emulator>", "runs the program 'sh'")]
    [InlineData("<devices>", "<devices><emulator>/usr/bin/../../tmp/qemu-system-x86_64</emulator>", "runs the program '/usr/bin/../../tmp/qemu-system-x86_64'")]
    [InlineData("hvm</type>", "hvm</type><kernel>/etc/shadow</kernel>", "reads '/etc/shadow' (<kernel>)")]
    [InlineData("hvm</type>", "hvm</type><initrd>/etc/shadow</initrd>", "reads '/etc/shadow' (<initrd>)")]
    [InlineData("hvm</type>", "hvm</type><loader>/etc/shadow</loader>", "reads '/etc/shadow' (<loader>)")]
    [InlineData("hvm</type>", "hvm</type><loader>/usr/share/../../etc/shadow</loader>", "reads '/usr/share/../../etc/shadow' (<loader>)")]
    [InlineData("<devices>", "<devices><disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/etc/shadow'/><target dev='sda' bus='sata'/><readonly/></disk>", "reads '/etc/shadow' (<disk>)")]
    [InlineData("<devices>", "<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/etc/passwd'/><target dev='vdx' bus='virtio'/><readonly/></disk>", "reads '/etc/passwd' (<disk>)")]
    [InlineData("<devices>", "<devices><graphics type='vnc' keymap='/etc/shadow'/>", "reads '/etc/shadow' (<graphics>)")]
    public async Task WhatItWantsOfTheHostIsNamed(string at, string instead, string told)
    {
        await using TestMachine machine = await WithBackupAsync();
        Harm(machine, at, instead);
        Assert.Contains(told, (await RefusedAsync(machine, instant: false)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Destination(machine)));
    }

    [SkippableTheory]
    [InlineData("<serial type='pty'><log file='/tmp/mt-one'/><log file='/tmp/mt-two'/></serial>")]
    [InlineData("<channel type='unix'><source mode='bind' path='/tmp/mt-one'/><log file='/tmp/mt-two'/><log file='/tmp/mt-two'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>")]
    [InlineData("<serial type='file'><source path='/tmp/mt-one'/></serial>")]
    public async Task WhatItWouldWriteIsPutElsewhere(string device)
    {
        await using TestMachine machine = await WithBackupAsync();
        Harm(machine, "<devices>", "<devices>" + device);
        await RestoreAsync(machine, instant: false, trusted: false);
        Assert.DoesNotContain("/tmp/mt-", await DefinitionAsync(machine), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatPackagesInstallIsReadAndNotWritten()
    {
        IReadOnlyList<string> wants = HostReach.Beyond(
            DomainDocument.Parse("<domain type='qemu'><name>w</name><os><type>hvm</type><loader>/usr/share/mt-x</loader><nvram>/usr/share/mt-x</nvram></os><devices><serial type='file'><source path='/usr/lib/mt-x'/></serial></devices></domain>", "backup"), "/new", null);
        Assert.Equal(["writes '/usr/share/mt-x' (<nvram>)", "writes '/usr/lib/mt-x' (<serial>)"], wants);
    }

    [SkippableFact]
    public async Task AMonitorOfAStrangersIsNotDialled()
    {
        await using TestMachine machine = await WithBackupAsync();
        string ours = $"<mt:domain xmlns:mt='{MomentTools.Xml.XmlNames.Moments.NamespaceName}' monitor='tcp:127.0.0.1:1'/>";
        Harm(machine, "<memory", $"<metadata>{ours}{ours}</metadata><memory");
        await RestoreAsync(machine, instant: false, trusted: false);
        Assert.DoesNotContain("monitor=", await DefinitionAsync(machine), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task WhatTheRegisteredMachineHasIsKnownAndTheUserMayVouch()
    {
        await using TestMachine machine = await WithBackupAsync();
        string with = machine.Xml().Replace("</domain>", CommandLine + "<qemu:arg value='-name'/><qemu:arg value='debug-threads=on'/></qemu:commandline></domain>", StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = with, Update = true }, machine.Report, CancellationToken.None);
        await machine.BackupAsync();

        // The machine itself has the same.
        await RestoreAsync(machine, instant: false, trusted: false, "known");
        Assert.Contains("debug-threads=on", await DefinitionAsync(machine, "known"), StringComparison.Ordinal);

        // It has it no longer; then it is gone.
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml(), Update = true }, machine.Report, CancellationToken.None);
        Assert.Contains("registered machine 'web1'", (await RefusedAsync(machine, instant: false, "later")).Message, StringComparison.Ordinal);
        Directory.Delete(machine.StateDirectory, recursive: true);
        Assert.Contains("no machine of its UUID", (await RefusedAsync(machine, instant: false, "later")).Message, StringComparison.Ordinal);

        await RestoreAsync(machine, instant: false, trusted: true, "later");
        Assert.Contains("debug-threads=on", await DefinitionAsync(machine, "later"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AnOrdinaryMachineNeedsNobodysWord()
    {
        await using TestMachine machine = await WithBackupAsync();
        Harm(machine, "<devices>", $"<devices><emulator>{MomentTools.Machines.QemuPrograms.Require("qemu-system-x86_64")}</emulator><interface type='user'/><serial type='pty'/><graphics type='vnc' port='-1' autoport='yes' keymap='de'/>");
        Directory.Delete(machine.StateDirectory, recursive: true);
        await RestoreAsync(machine, instant: false, trusted: false);
        Assert.Equal(["copy"], machine.Engine.FindDomains("*"));
    }

    [SkippableFact]
    public async Task ADirectoryThatEndsWithASlashIsStillItsOwn()
    {
        await using TestMachine machine = await WithBackupAsync();
        IReadOnlyList<VMRestoredDisk> disks = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Destination(machine) + "/", AsDomain = "copy" }, machine.Report, CancellationToken.None);
        Assert.Equal(Destination(machine), Path.GetDirectoryName(Assert.Single(disks).Path));
    }

    private static async Task<TestMachine> WithBackupAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync();
        await machine.BackupAsync();
        return machine;
    }

    // Whoever can write to the repository can make everything in it agree.
    private static void Harm(TestMachine machine, string at, string instead)
    {
        BackupRepository repository = BackupRepository.Open(machine.Repository, create: false);
        BackupManifest backup = repository.Backups(repository.FindDomain(TestMachine.Name), broken => throw broken).Single();
        string xml = File.ReadAllText(Path.Combine(backup.Directory, BackupManifest.DomainFileName));
        Assert.Contains(at, xml, StringComparison.Ordinal);
        Damage.Document(backup, xml.Replace(at, instead, StringComparison.Ordinal));
    }

    private static string Destination(TestMachine machine) => Path.Combine(machine.Scratch, "new");

    private static Task<string> DefinitionAsync(TestMachine machine, string name = "copy") =>
        File.ReadAllTextAsync(Path.Combine(machine.Scratch, "state", "domains", name, "domain.xml"));

    private static Task<IReadOnlyList<VMRestoredDisk>> RestoreAsync(TestMachine machine, bool instant, bool trusted, string name = "copy") => machine.Engine.RestoreBackupAsync(
        TestMachine.Name,
        new RestoreBackupRequest { Repository = machine.Repository, Destination = Destination(machine), AsDomain = name, Instant = instant, TrustDefinition = trusted },
        machine.Report, CancellationToken.None);

    private static Task<MomentException> RefusedAsync(TestMachine machine, bool instant, string name = "copy") =>
        Assert.ThrowsAsync<MomentException>(() => RestoreAsync(machine, instant, trusted: false, name));
}
