using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Goes to another branch, with all that was changed there; the one that is left stays as it is.</summary>
[Cmdlet(VerbsCommon.Switch, "VMBranch", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMBranch), typeof(MomentJob))]
public sealed class SwitchVMBranchCommand : BranchCmdlet, ILongOperation
{
    /// <summary>The branch to go to.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("BranchName", "Branch")]
    [ArgumentCompleter(typeof(OtherBranchCompleter))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>Save the memory of a running machine with the branch that is left: coming back resumes it.</summary>
    [Parameter]
    [Alias("Memory", "IncludeMemory")]
    public SwitchParameter KeepMemory { get; set; }

    /// <summary>The file for that memory; beside the first disk if not given.</summary>
    [Parameter]
    [Alias("MemorySpec", "MemoryFile")]
    [ValidateNotNullOrEmpty]
    public string? MemoryPath { get; set; }

    /// <summary>Let the machine run afterwards.</summary>
    [Parameter]
    [Alias("Start", "PowerOn")]
    public SwitchParameter Running { get; set; }

    /// <summary>Let the machine stand still afterwards.</summary>
    [Parameter]
    [Alias("StartPaused")]
    public SwitchParameter Paused { get; set; }

    /// <summary>The machine is one that somebody else starts, and they know that its disks get other images.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    /// <summary>Give the branch as it is then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        foreach (VMBranch branch in InputObject)
            Attempt(branch, () => Switch(branch.VM, branch.Name));
        ForEachDomain(VM, vm => Switch(vm, Name));
    }

    private void Switch(string vm, string name)
    {
        var request = new SwitchBranchRequest
        {
            Name = name,
            KeepMemory = KeepMemory,
            MemoryPath = MemoryPath is null ? null : FilePath(MemoryPath),
            Running = Running,
            Paused = Paused,
            AcceptOwner = AcceptOwner,
        };
        if (!ShouldProcess(vm, $"Go to branch '{name}'{(KeepMemory ? ", keeping the machine's memory" : "")}"))
            return;
        VMBranch branch = Run((report, cancellation) => Engine.SwitchBranchAsync(vm, request, report, cancellation));
        if (PassThru)
            WriteObject(branch);
    }
}
