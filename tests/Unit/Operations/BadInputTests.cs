using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations;

/// <summary>Bad input, by name: an error with an id of its own that names the thing, and nothing changed (rows A2, D11).</summary>
public sealed class BadInputTests
{
    private const string Nobody = "web2";
    private static readonly string[] BadNames = ["a/b", "/etc/passwd", ".hidden", "..", "", " ", "a\nb", "a\u0001b", "a\u007fb", new('x', 300)];

    public static TheoryData<string> Names => [.. BadNames];

    /// <summary>Those that XML can hold; the others break the document before anyone looks at the name.</summary>
    public static TheoryData<string> NamesInXml => [.. BadNames.Where(name => !name.Contains('\u0001', StringComparison.Ordinal))];

    public static TheoryData<string, string> Documents => new()
    {
        { "", "XmlMalformed" },
        { "not XML at all", "XmlMalformed" },
        { "<ROOT><name>x</name>", "XmlMalformed" },
        { "<ROOT type='kvm'><name>x</nam></ROOT>", "XmlMalformed" },
        { "<ROOT type='kvm'><name>a\u0001b</name></ROOT>", "XmlMalformed" },
        { "<elsewhere><name>x</name></elsewhere>", "XmlRuleBroken" },
        { "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><ROOT type='kvm'><name>&b;</name></ROOT>", "XmlDtdRefused" },
        { "<!DOCTYPE r SYSTEM 'file:///etc/passwd'><ROOT type='kvm'><name>x</name></ROOT>", "XmlDtdRefused" },
        { "<ROOT type='kvm'>" + string.Concat(Enumerable.Repeat("<a>", 500)) + string.Concat(Enumerable.Repeat("</a>", 500)) + "</ROOT>", "XmlTooLarge" },
        { $"<ROOT type='kvm'><name>{new string('x', 5 << 20)}</name></ROOT>", "XmlTooLarge" },
    };

    [SkippableFact]
    public async Task AMachineThatDoesNotExistIsNamedAtEveryDoor()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        MomentEngine engine = machine.Engine;
        CancellationToken none = CancellationToken.None;
        Func<Task>[] doors =
        [
            () => Task.FromResult(engine.FindDomains(Nobody)),
            () => engine.GetDomainAsync(Nobody, machine.Report, none),
            () => engine.StartDomainAsync(Nobody, false, machine.Report, none),
            () => engine.StopDomainAsync(Nobody, false, TimeSpan.FromSeconds(1), machine.Report, none),
            () => engine.UnregisterDomainAsync(Nobody, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, none),
            () => engine.GetMomentsAsync(Nobody, new MomentQuery(), machine.Report, none),
            () => engine.CreateCheckpointAsync(Nobody, new CreateCheckpointRequest { Name = "a" }, machine.Report, none),
            () => engine.PlanRemovalAsync(Nobody, new RemoveMomentRequest { Name = "a" }, machine.Report, none),
            () => engine.RemoveMomentsAsync(Nobody, new RemoveMomentRequest { Name = "a" }, machine.Report, none),
            () => engine.GetBitmapsAsync(Nobody, [], machine.Report, none),
            () => engine.GetChangedBlocksAsync(Nobody, "a", [], machine.Report, none),
            () => engine.MeasureChangedBlocksAsync(Nobody, "a", [], machine.Report, none),
            () => engine.BackupAsync(Nobody, new BackupRequest { Repository = machine.Repository }, machine.Report, none),
            () => engine.InvokeQmpAsync(Nobody, "query-status", null, none),
        ];
        foreach (Func<Task> door in doors)
        {
            MomentException failure = await Untouched.RefusedAsync(machine, door, MachineErrors.VMNotFound, $"'{Nobody}'");
            Assert.Contains(TestMachine.Name, failure.Advice, StringComparison.Ordinal);
        }

        Assert.Empty(engine.FindDomains("nobody*"));
    }

    [SkippableFact]
    public async Task AMomentThatDoesNotExistIsNamedAtEveryDoor()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("monday");
        foreach (string wrong in (string[])["mondy", "Monday", "snapshot:monday", "../monday", "mon*"])
        {
            Func<Task>[] doors =
            [
                () => machine.RemoveAsync(wrong),
                () => machine.Engine.PlanRemovalAsync(TestMachine.Name, new RemoveMomentRequest { Name = wrong }, machine.Report, CancellationToken.None),
                () => machine.ChangesAsync(wrong),
                () => machine.Engine.MeasureChangedBlocksAsync(TestMachine.Name, wrong, [], machine.Report, CancellationToken.None),
            ];
            foreach (Func<Task> door in doors)
                await Untouched.RefusedAsync(machine, door, MomentErrors.MomentNotFound, $"'{wrong}'");
        }
    }

    [SkippableFact]
    public async Task ADiskThatDoesNotExistIsNamedAtEveryDoor()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("monday");
        Func<Task>[] doors =
        [
            () => machine.CheckpointAsync("tuesday", "vdz"),
            () => machine.ChangesAsync("monday", "vdz"),
            () => machine.Engine.GetBitmapsAsync(TestMachine.Name, ["vdz"], machine.Report, CancellationToken.None),
            () => machine.Engine.BackupAsync(TestMachine.Name, new BackupRequest { Repository = machine.Repository, Disks = ["vdz"] }, machine.Report, CancellationToken.None),
            () => machine.Engine.CreateCheckpointAsync(TestMachine.Name, new CreateCheckpointRequest { Xml = "<domaincheckpoint><name>x</name><disks><disk name='vdz'/></disks></domaincheckpoint>" }, machine.Report, CancellationToken.None),
        ];
        foreach (Func<Task> door in doors)
            await Untouched.RefusedAsync(machine, door, XmlErrors.DiskNotInDomain, "vdz", TestMachine.Name);
    }

    [SkippableFact]
    public async Task ANameThatIsTakenIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("monday");
        await Untouched.RefusedAsync(machine, () => machine.CheckpointAsync("monday"), MomentErrors.MomentExists, "'monday'");
        await Untouched.RefusedAsync(machine, () => RegisterAsync(machine, machine.Xml(), null), MachineErrors.VMExists, TestMachine.Name);
        await Untouched.RefusedAsync(machine, () => RegisterAsync(machine, machine.Xml(), "twin"), MachineErrors.VMExists, "twin", TestMachine.Name);
    }

    [SkippableFact]
    public async Task ARepositoryOrBackupThatDoesNotExistIsNamed()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string destination = Path.Combine(machine.Scratch, "restored");
        Task RestoreAsync(string repository, string? id) => machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = repository, Id = id, Destination = destination }, machine.Report, CancellationToken.None);
        await Untouched.RefusedAsync(machine, () => RestoreAsync(machine.Repository, null), BackupErrors.BackupRepositoryMissing, machine.Repository);
        await machine.BackupAsync();
        await Untouched.RefusedAsync(machine, () => RestoreAsync(machine.Repository, "20200101T000000Z-aaaa"), BackupErrors.BackupNotFound, "20200101T000000Z-aaaa");
        await Untouched.RefusedAsync(machine, () => RestoreAsync(machine.Repository, "../../etc"), BackupErrors.BackupNotFound, "../../etc");
        Assert.False(Directory.Exists(destination));
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task ACheckpointCannotBeCalledThat(string name)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await Untouched.RefusedAsync(machine, () => machine.CheckpointAsync(name), XmlErrors.MomentNameInvalid, XmlErrors.Quote(name), "checkpoint");
    }

    [SkippableTheory]
    [MemberData(nameof(NamesInXml))]
    public async Task ACheckpointCannotBeCalledThatInItsDocument(string name)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string xml = $"<domaincheckpoint><name>{name}</name></domaincheckpoint>";
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.CreateCheckpointAsync(TestMachine.Name, new CreateCheckpointRequest { Xml = xml }, machine.Report, CancellationToken.None),
            XmlErrors.MomentNameInvalid, XmlErrors.Quote(name));
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task AMachineCannotBeCalledThat(string name)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await Untouched.RefusedAsync(machine, () => RegisterAsync(machine, Fresh(machine.Xml()), name), XmlErrors.DomainNameInvalid, XmlErrors.Quote(name), "domain");
    }

    [SkippableTheory]
    [MemberData(nameof(NamesInXml))]
    public async Task AMachineCannotBeCalledThatInItsDocument(string name)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string xml = Fresh(machine.Xml()).Replace($"<name>{TestMachine.Name}</name>", $"<name>{name}</name>", StringComparison.Ordinal);
        await Untouched.RefusedAsync(machine, () => RegisterAsync(machine, xml, null), XmlErrors.DomainNameInvalid, XmlErrors.Quote(name));
    }

    [SkippableTheory]
    [MemberData(nameof(Documents))]
    public async Task ADocumentThatIsNoneIsRefused(string xml, string id)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        ErrorId expected = new[] { XmlErrors.XmlMalformed, XmlErrors.XmlRuleBroken, XmlErrors.XmlDtdRefused, XmlErrors.XmlTooLarge }.Single(known => known.Name == id);
        await Untouched.RefusedAsync(machine, () => RegisterAsync(machine, xml.Replace("ROOT", "domain", StringComparison.Ordinal), null), expected, "the file of the test");
        string checkpoint = xml.Replace("ROOT type='kvm'", "ROOT", StringComparison.Ordinal).Replace("ROOT", "domaincheckpoint", StringComparison.Ordinal);
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.CreateCheckpointAsync(TestMachine.Name, new CreateCheckpointRequest { Xml = checkpoint }, machine.Report, CancellationToken.None), expected);
    }

    [SkippableFact]
    public async Task WhatIsToldToQemuMustBeAnObject()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await Untouched.RefusedAsync(machine, () => machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None), MachineErrors.VMNotRunning, TestMachine.Name);
        foreach (string arguments in (string[])["[]", "{", "7"])
            await Untouched.RefusedAsync(machine, () => machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", arguments, CancellationToken.None), OperationErrors.QmpArgumentsInvalid, "query-status");
    }

    private static Task<VMDomain> RegisterAsync(TestMachine machine, string xml, string? name) =>
        machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, XmlSource = "the file of the test", Name = name }, machine.Report, CancellationToken.None);

    private static string Fresh(string xml) => xml.Replace("6f1b2a6e", "00000001", StringComparison.Ordinal);
}
