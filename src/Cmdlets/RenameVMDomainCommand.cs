using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Gives a machine another name; its moments and its backups go with it.</summary>
[Cmdlet(VerbsCommon.Rename, "VMDomain", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMDomain))]
public sealed class RenameVMDomainCommand : DomainCmdlet
{
    /// <summary>The new name.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

    /// <summary>Give the domain as it is then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(NewName, () =>
    {
        string[] meant = [.. VM.SelectMany(reference => reference.Resolve(Engine)).Distinct(StringComparer.Ordinal)];
        if (meant.Length == 0)
            return;
        if (meant.Length > 1)
            throw CmdletErrors.ManyForOneName(NewName, meant);
        if (!ShouldProcess(meant[0], $"Rename to '{NewName}'"))
            return;
        VMDomain renamed = Run((report, cancellation) => Engine.RenameDomainAsync(meant[0], NewName, report, cancellation));
        if (PassThru)
            WriteObject(renamed);
    });
}
