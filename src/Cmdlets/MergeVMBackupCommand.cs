using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Folds what a backup stands on into it; what is folded is no restore point any more.</summary>
[Cmdlet(VerbsData.Merge, "VMBackup", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMBackup), typeof(MomentJob))]
public sealed class MergeVMBackupCommand : MomentCmdlet, ILongOperation
{
    private const string IdSet = "Id";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    /// <summary>The domain as it is named now, or was when it was backed up.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = IdSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [ValidateNotNull]
    public VMReference VM { get; set; } = null!;

    /// <summary>The repository's directory.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = IdSet)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The id of the backup that the others are folded into.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet)]
    [Alias("BackupId")]
    [ArgumentCompleter(typeof(StandingBackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string Id { get; set; } = "";

    /// <summary>Backup objects that others are folded into.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBackup", "Backup")]
    [ValidateNotNullOrEmpty]
    public VMBackup[] InputObject { get; set; } = [];

    /// <summary>The id of the newest backup that stays beneath it; all are folded, and it becomes full, if not given.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(BackupBeneathIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Since { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        if (ParameterSetName == IdSet)
            Attempt(Id, () => Merge(VM.Name, FilePath(Repository), Id));
        foreach (VMBackup backup in InputObject)
            Attempt(backup, () => Merge(backup.VM, backup.Repository, backup.Id));
    }

    private void Merge(string vm, string repository, string id)
    {
        var request = new MergeBackupRequest { Repository = repository, Id = id, Since = Since };
        IReadOnlyList<VMBackupPlan> plan = Run((report, cancellation) => Engine.PlanBackupMergeAsync(vm, request, report, cancellation));
        VMBackupPlan[] going = [.. plan.Where(row => !row.Keep)];
        // Nothing to fold is nothing to ask about.
        if (going.Length == 0 || ShouldProcess($"{vm}: backup {id} in '{repository}'", Action(plan, going), [.. going.Select(row => row.BackupId)]))
            WriteObject(Run((report, cancellation) => Engine.MergeBackupAsync(vm, request, report, cancellation)));
    }

    private static string Action(IReadOnlyList<VMBackupPlan> plan, VMBackupPlan[] going)
    {
        long free = plan.Sum(row => row.FreedBytes);
        string space = free >= 0 ? $"about {ByteText.Of(free)} come free" : $"about {ByteText.Of(-free)} more are taken";
        return $"Fold for good, ending {(going.Length == 1 ? "the restore point" : $"{going.Length} restore points")} {Listed([.. going.Select(row => row.BackupId)])} ({space})";
    }
}
