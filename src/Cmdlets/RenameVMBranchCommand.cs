using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gives a branch another name.</summary>
[Cmdlet(VerbsCommon.Rename, "VMBranch", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMBranch))]
public sealed class RenameVMBranchCommand : BranchCmdlet
{
    /// <summary>The branch's name.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("BranchName", "Branch")]
    [ArgumentCompleter(typeof(BranchCompleter))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>The new name.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = NameSet)]
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

    /// <summary>Give the branch as it is then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMBranch branch in InputObject)
            Attempt(branch, () => Rename(branch.VM, branch.Name));
        ForEachDomain(VM, vm => Rename(vm, Name));
    }

    private void Rename(string vm, string name)
    {
        if (!ShouldProcess($"{vm}: branch '{name}'", $"Rename to '{NewName}'"))
            return;
        VMBranch renamed = Run((report, cancellation) => Engine.RenameBranchAsync(vm, name, NewName, report, cancellation));
        if (PassThru)
            WriteObject(renamed);
    }
}
