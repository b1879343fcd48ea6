using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the runs of bytes that were written since a moment, or between two.</summary>
[Cmdlet(VerbsCommon.Get, "VMChangedBlock", DefaultParameterSetName = InputObjectSet)]
[OutputType(typeof(VMChangedBlock), typeof(VMChangedBlockMeasure))]
public sealed class GetVMChangedBlockCommand : MomentCmdlet
{
    private const string SinceSet = "Since";
    private const string BetweenSet = "Between";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = SinceSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BetweenSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The moment from which changes count: its name, or the object.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = SinceSet)]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNull]
    public MomentReference Since { get; set; } = null!;

    /// <summary>One of two moments: its name, or the object.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BetweenSet)]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNull]
    public MomentReference From { get; set; } = null!;

    /// <summary>The other moment; which of them is older does not matter.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BetweenSet)]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNull]
    public MomentReference To { get; set; } = null!;

    /// <summary>Moment objects from which changes count, each in its own domain.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMMoment[] InputObject { get; set; } = [];

    /// <summary>The disks; all that the moment covers if not given.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Only how much: one result a disk.</summary>
    [Parameter]
    public SwitchParameter Measure { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMMoment moment in InputObject)
            Attempt(moment, () => Write(moment.VM, moment.Name));
        ForEachDomain(VM, vm =>
        {
            if (ParameterSetName == BetweenSet)
                Write(vm, From.NameIn(vm), To.NameIn(vm));
            else
                Write(vm, Since.NameIn(vm));
        });
    }

    private void Write(string vm, string since)
    {
        if (Measure)
            WriteObject(Run((report, cancellation) => Engine.MeasureChangedBlocksAsync(vm, since, Disk, report, cancellation)), enumerateCollection: true);
        else
            WriteObject(Run((report, cancellation) => Engine.GetChangedBlocksAsync(vm, since, Disk, report, cancellation)), enumerateCollection: true);
    }

    private void Write(string vm, string from, string to)
    {
        if (Measure)
            WriteObject(Run((report, cancellation) => Engine.MeasureChangedBlocksAsync(vm, from, to, Disk, report, cancellation)), enumerateCollection: true);
        else
            WriteObject(Run((report, cancellation) => Engine.GetChangedBlocksAsync(vm, from, to, Disk, report, cancellation)), enumerateCollection: true);
    }
}
