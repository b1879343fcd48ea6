using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Metadata;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>A machine's life: made known, started, stopped, described. The caller holds the domain's lock where something changes.</summary>
internal sealed class DomainLifeOperations(DomainCatalogue catalogue)
{
    /// <summary>Makes a machine known, by its document or by the monitor of one that somebody else started.</summary>
    public async Task<VMDomain> RegisterAsync(RegisterDomainRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainDocument domain = await DefinitionAsync(request, report, cancellation);
        domain = domain.Uuid is null ? domain.WithUuid(Guid.NewGuid()) : domain;
        if (request.AcceptBacking)
            domain = await BackingGate.AcceptAsync(domain, cancellation);
        await BackingGate.RequireAsync(domain, null, $"register domain '{domain.Name}'", cancellation);
        DomainPlace place = catalogue.Add(domain);
        return await DescribeAsync(place, report, cancellation);
    }

    /// <summary>The definition that a request gives or points to; one without a UUID is left without.</summary>
    public static async Task<DomainDocument> DefinitionAsync(RegisterDomainRequest request, IOperationReport report, CancellationToken cancellation) => request switch
    {
        { Xml: { } xml } => FromDocument(xml, request, report),
        { Monitor: { } monitor } => await FromMonitorAsync(QmpAddress.Parse(monitor), request.Name, report, cancellation),
        _ => throw new MomentException(MachineErrors.VMDefinitionMissing, "Cannot register a domain: neither its XML nor its monitor is given.", request.Name, "Give one of the two: -Path, or -Name and -Monitor."),
    };

    /// <summary>Starts QEMU for a machine.</summary>
    /// <param name="check">Looks at the machine before its guest has done anything; what it throws ends the machine again.</param>
    public async Task<VMDomain> StartAsync(
        DomainPlace place, bool paused, Func<QmpClient, CancellationToken, Task>? check, IOperationReport report, CancellationToken cancellation)
    {
        StartedMachine started = await new MachineLauncher(place, catalogue.Load(place)).StartAsync(paused, check, cancellation);
        foreach (string warning in started.Warnings)
            report.Warning(warning);
        return await DescribeAsync(place, report, cancellation);
    }

    /// <summary>Stops a machine and returns when it is gone.</summary>
    public async Task<VMDomain> StopAsync(DomainPlace place, bool force, TimeSpan timeout, IOperationReport report, CancellationToken cancellation)
    {
        foreach (string warning in await new MachineStopper(place, catalogue.Load(place)).StopAsync(force, timeout, cancellation))
            report.Warning(warning);
        return await DescribeAsync(place, report, cancellation);
    }

    /// <summary>Lets a machine's guest stand still, or go on, and says whether that changed anything.</summary>
    public async Task PauseAsync(DomainPlace place, bool go, IOperationReport report, CancellationToken cancellation)
    {
        MachineProbe machine = MachineProbe.Find(place, catalogue.Load(place));
        if (machine.Monitor is not { } monitor)
            throw MachineErrors.NotRunning(place.Name);
        await using QmpClient qmp = await machine.ConnectAsync(monitor, place.Name, cancellation);
        var pause = new MachinePause(qmp, place.Name);
        if (!await (go ? pause.ResumeAsync(cancellation) : pause.SuspendAsync(cancellation)))
            report.Verbose($"The guest of '{place.Name}' {(go ? "runs" : "stands still")} already: nothing was done.");
    }

    /// <summary>What a machine is, and what it does now; of its moments nothing is said here.</summary>
    public async Task<VMDomain> DescribeAsync(DomainPlace place, IOperationReport report, CancellationToken cancellation)
    {
        DomainDocument domain = catalogue.Load(place);
        MachineProbe machine = await MachineProbe.RunAsync(place, domain, cancellation);
        if (machine.Trouble is { } trouble)
            report.Warning($"What domain '{domain.Name}' is doing is not known. {trouble.Message} {trouble.Advice}".TrimEnd());
        List<VMDisk> disks = [];
        foreach (DomainDisk disk in domain.Disks)
            disks.Add(await DiskDescription.OfAsync(disk, cancellation));
        return new VMDomain
        {
            Name = domain.Name,
            Uuid = domain.Uuid!.Value,
            State = machine.State,
            Attached = machine.Attached,
            Monitor = machine.Monitor?.ToString(),
            ProcessId = machine.Process?.Id,
            Disks = disks,
        };
    }

    private static DomainDocument FromDocument(string xml, RegisterDomainRequest request, IOperationReport report)
    {
        string source = request.XmlSource ?? "the definition";
        // Thousands of moments need room; a definition alone does not.
        bool mayHoldMoments = xml.Contains("<snapshots", StringComparison.Ordinal) || xml.Contains("<checkpoints", StringComparison.Ordinal);
        XElement root = (mayHoldMoments ? XmlSource.Parse(xml, source, MomentsDocument.MaxBytes) : XmlSource.Parse(xml, source)).Root!;
        DomainDocument domain = MomentsDocument.IsOne(root) ? FromExport(root, source, report) : DomainDocument.FromElement(root, source);
        if (request.Name is { } name)
            domain = domain.WithName(name);
        if ((request.Monitor ?? domain.Monitor) is { } monitor)
            domain = domain.WithMonitor(QmpAddress.Parse(monitor).ToString());
        // What a relative path was relative to is forgotten by tomorrow; the files themselves may come later.
        if (domain.Disks.FirstOrDefault(disk => disk.SourcePath is { } path && !path.StartsWith('/')) is { } relative)
            throw DiskErrors.PathRelative(domain.Name, relative.Target, relative.SourcePath!);
        return domain;
    }

    // What Export-VMMoment wrote holds the definition too: after the loss of the state directory it is often all there is.
    private static DomainDocument FromExport(XElement root, string source, IOperationReport report)
    {
        MomentsDocument all = MomentsDocument.FromElement(root, source);
        report.Warning($"{source} also holds {all.Snapshots.Count + all.Checkpoints.Count} moments of '{all.Domain.Name}'; only the machine is registered. Import-VMMoment brings the moments back.");
        return all.Domain.WithoutMetadata(TrackingPackage.Root);
    }

    private static async Task<DomainDocument> FromMonitorAsync(QmpAddress address, string? name, IOperationReport report, CancellationToken cancellation)
    {
        await using QmpClient qmp = await QmpClient.ConnectAsync(address, cancellation);
        var machine = new AttachedMachine(qmp);
        DomainDocument domain = await machine.ReadAsync(name, cancellation);
        foreach (string warning in machine.Warnings)
            report.Warning(warning);
        return domain.WithMonitor(address.ToString());
    }
}
