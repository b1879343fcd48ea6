using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Stops serving disks over NBD, and clears what was made for it.</summary>
[Cmdlet(VerbsLifecycle.Stop, "VMBlockExport", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMBlockExport))]
public sealed class StopVMBlockExportCommand : MomentCmdlet
{
    private const string DomainSet = "Domain";
    private const string XmlSet = "Xml";
    private const string PathSet = "Path";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    // All that the pipeline brings is one stop an address; an export that comes twice is stopped once.
    private readonly Dictionary<(string VM, string Address), HashSet<string>> _given = [];

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = DomainSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = XmlSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>Block export objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBlockExport")]
    [ValidateNotNullOrEmpty]
    public VMBlockExport[] InputObject { get; set; } = [];

    /// <summary>Only of these disks.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Only those with these names.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [ArgumentCompleter(typeof(ExportNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] ExportName { get; set; } = [];

    /// <summary>Only those at this address.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [ArgumentCompleter(typeof(ExportAddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Address { get; set; }

    /// <summary>A libvirt-style domainblockexport document that names them.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <summary>A file with such a document.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath", "XmlFile")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Give back what was stopped.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMBlockExport export in InputObject)
        {
            if (!_given.TryGetValue((export.VM, export.ListenAddress), out HashSet<string>? names))
                _given.Add((export.VM, export.ListenAddress), names = new HashSet<string>(StringComparer.Ordinal));
            names.Add(export.ExportName);
        }

        ForEachDomain(VM, vm =>
        {
            var request = new StopBlockExportRequest { Disks = Disk, ExportNames = ExportName, Address = Address, Xml = Xml, XmlPath = Path is null ? null : FilePath(Path) };
            Stop(vm, request, Run((report, cancellation) => Engine.PlanBlockExportStopAsync(vm, request, report, cancellation)));
        });
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (((string vm, string address), HashSet<string> names) in _given)
            Attempt(vm, () => Stop(vm, address, names));
    }

    // An object that has ended meanwhile is as it should be.
    private void Stop(string vm, string address, HashSet<string> names) => Stop(
        vm, new StopBlockExportRequest { Address = address, ExportNames = [.. names] },
        [.. Run((report, cancellation) => Engine.GetBlockExportsAsync(vm, report, cancellation)).Where(export => export.ListenAddress == address && names.Contains(export.ExportName))]);

    private void Stop(string vm, StopBlockExportRequest request, IReadOnlyList<VMBlockExport> meant)
    {
        if (meant.Count == 0 || !ShouldProcess(vm, Action(meant)))
            return;
        Run((report, cancellation) => Engine.StopBlockExportAsync(vm, request, report, cancellation));
        if (PassThru)
            WriteObject(meant, enumerateCollection: true);
    }

    private static string Action(IReadOnlyList<VMBlockExport> exports)
    {
        // Clients are counted by address: those of two exports at one are the same.
        int clients = exports.DistinctBy(export => export.ListenAddress, StringComparer.Ordinal).Sum(export => export.Clients);
        string connected = clients switch { 0 => "no client is connected", 1 => "1 client is connected, and loses it", _ => $"{clients} clients are connected, and lose it" };
        IEnumerable<string> addresses = exports.GroupBy(export => export.ListenAddress, StringComparer.Ordinal)
            .Select(group => $"{Listed([.. group.Select(export => export.Disk == export.ExportName ? export.Disk : $"{export.Disk} as '{export.ExportName}'")])} at {group.Key}");
        return $"Stop serving {string.Join("; ", addresses)} ({connected})";
    }
}
