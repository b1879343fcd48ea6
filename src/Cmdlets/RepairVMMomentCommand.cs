using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Pipeline;

namespace MomentTools.Cmdlets;

/// <summary>Makes metadata, bitmaps and images agree again; what the guest sees is never touched.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "VMMoment", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMMomentRepair), typeof(MomentJob))]
public sealed class RepairVMMomentCommand : MomentCmdlet, ILongOperation
{
    private const string VMSet = "VM";
    private const string InputObjectSet = "InputObject";

    // All findings of a machine are repaired as one, for one cause may have several.
    private readonly List<VMMomentFinding> _given = [];

    /// <summary>The domains; all that is found of them is repaired.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = VMSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The disks whose images are looked at and repaired; all if none is named.</summary>
    [Parameter(ParameterSetName = VMSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Findings, as Test-VMMoment -Detailed gives them.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMomentFinding", "Finding")]
    [ValidateNotNullOrEmpty]
    public VMMomentFinding[] InputObject { get; set; } = [];

    /// <summary>Also remove bitmaps that somebody else made.</summary>
    [Parameter]
    public SwitchParameter RemoveForeign { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        if (VM.Any(vm => vm.IsOf<VMMomentFinding>()))
            ThrowTerminatingError(CmdletErrors.Exclude("repair what was found", "-Disk is for a machine, of which all that is found there is repaired", "Leave -Disk out, and pipe the findings of that disk alone.").ToErrorRecord());
        _given.AddRange(InputObject);
        ForEachDomain(VM, vm => Repair(vm, []));
    }

    private protected override void Conclude()
    {
        foreach (IGrouping<string, VMMomentFinding> machine in _given.GroupBy(finding => finding.VM, StringComparer.Ordinal))
            Attempt(machine.Key, () => Repair(machine.Key, [.. machine]));
    }

    private void Repair(string vm, IReadOnlyList<VMMomentFinding> findings)
    {
        var request = new RepairMomentRequest { Findings = findings, Disks = Disk, RemoveForeign = RemoveForeign };
        IReadOnlyList<VMMomentRepair> plan = Run((report, cancellation) => Engine.PlanRepairAsync(vm, request, report, cancellation));
        List<VMMomentFinding> agreed = [];
        foreach (VMMomentRepair repair in plan)
            if (repair.Left)
                WriteObject(repair);
            else if (ShouldProcess($"{vm}: {repair.Finding.Id}{About(repair.Finding)}", repair.Action))
                agreed.Add(repair.Finding);
        if (agreed.Count > 0)
            WriteObject(Run((report, cancellation) => Engine.RepairMomentsAsync(vm, request with { Findings = agreed }, report, cancellation)), enumerateCollection: true);
    }

    private static string About(VMMomentFinding finding) =>
        (finding.Disk is null ? "" : $", disk {finding.Disk}") + (finding.Moment is null ? "" : $", moment '{finding.Moment}'");
}
