using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Compares two points in time, disk by disk: how they are related, and how much was written between them.</summary>
[Cmdlet(VerbsData.Compare, "VMMoment", DefaultParameterSetName = InputObjectSet)]
[OutputType(typeof(VMMomentComparison))]
public sealed class CompareVMMomentCommand : NamedCmdlet
{
    /// <summary>One moment: its name, or the object.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [ArgumentCompleter(typeof(FromCompleter))]
    [ValidateNotNull]
    public MomentReference From { get; set; } = null!;

    /// <summary>The other moment; now, if not given.</summary>
    [Parameter(Position = 2, ParameterSetName = NameSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [ArgumentCompleter(typeof(ToCompleter))]
    [ValidateNotNull]
    public MomentReference? To { get; set; }

    /// <summary>Moment objects, each compared with -To, or with now, in its own domain.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMMoment[] InputObject { get; set; } = [];

    /// <summary>The disks; all that one of the two covers if not given.</summary>
    [Parameter]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMMoment moment in InputObject)
            Attempt(moment, () => Write(moment.VM, new MomentReference(moment)));
        ForEachDomain(VM, vm => Write(vm, From));
    }

    private void Write(string vm, MomentReference from)
    {
        string first = from.NameIn(vm);
        string? second = To?.NameIn(vm);
        WriteObject(Run((report, cancellation) => Engine.CompareMomentsAsync(vm, first, second, Disk, report, cancellation)), enumerateCollection: true);
    }
}
