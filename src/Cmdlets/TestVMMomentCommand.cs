using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Tells whether metadata, images and QEMU agree about a machine's moments.</summary>
[Cmdlet(VerbsDiagnostic.Test, "VMMoment")]
[OutputType(typeof(bool), typeof(VMMomentFinding))]
public sealed class TestVMMomentCommand : DomainCmdlet
{
    /// <summary>The disks whose images are looked at; all if not given.</summary>
    [Parameter]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Give what was found in place of a Boolean; nothing where all is well.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        IReadOnlyList<VMMomentFinding> findings = Run((report, cancellation) => Engine.TestMomentsAsync(vm, Disk, report, cancellation));
        if (Detailed)
        {
            WriteObject(findings, enumerateCollection: true);
            return;
        }

        foreach (VMMomentFinding finding in findings)
            WriteVerbose($"{finding.Severity} {finding.Id}: {finding.Text}");
        WriteObject(findings.All(finding => finding.Severity == "Information"));
    });
}
