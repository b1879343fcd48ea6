using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets what is served over NBD now: one object a disk and address.</summary>
[Cmdlet(VerbsCommon.Get, "VMBlockExport", DefaultParameterSetName = ObjectSet)]
[OutputType(typeof(VMBlockExport), typeof(string))]
public sealed class GetVMBlockExportCommand : MomentCmdlet
{
    private const string ObjectSet = "Object";
    private const string XmlSet = "Xml";

    /// <summary>The domains; all if not given.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [new VMReference("*")];

    /// <summary>Only of these disks.</summary>
    [Parameter(ParameterSetName = ObjectSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Only those with these names; wildcards.</summary>
    [Parameter(ParameterSetName = ObjectSet)]
    [ArgumentCompleter(typeof(ExportNameCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] ExportName { get; set; } = [];

    /// <summary>Only those at this address.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ExportAddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Address { get; set; }

    /// <summary>A libvirt-style domainblockexport document for each address in place of objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [Alias("Xml")]
    public SwitchParameter AsXml { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        if (AsXml)
            WriteXml(vm);
        else
            WriteObject(Exports(vm).Where(IsMeant), enumerateCollection: true);
    });

    private IReadOnlyList<VMBlockExport> Exports(string vm) => Run((report, cancellation) => Engine.GetBlockExportsAsync(vm, report, cancellation));

    private void WriteXml(string vm)
    {
        IEnumerable<string> addresses = Address is null ? Exports(vm).Select(export => export.ListenAddress).Distinct(StringComparer.Ordinal) : [Address];
        foreach (string address in addresses)
            Attempt(address, () => WriteObject(Run((report, cancellation) => Engine.GetBlockExportXmlAsync(vm, address, report, cancellation))));
    }

    private bool IsMeant(VMBlockExport export) =>
        (Disk.Length == 0 || Disk.Contains(export.Disk, StringComparer.Ordinal))
        && (ExportName.Length == 0 || ExportName.Any(name => WildcardPattern.Get(name, WildcardOptions.None).IsMatch(export.ExportName)))
        && (Address is null || Address == export.ListenAddress);
}
