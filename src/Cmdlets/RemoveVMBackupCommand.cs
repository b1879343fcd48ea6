using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Pipeline;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Removes backups, named or not kept by any rule; every other one stays restorable.</summary>
[Cmdlet(VerbsCommon.Remove, "VMBackup", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMBackupPlan), typeof(MomentJob))]
public sealed class RemoveVMBackupCommand : MomentCmdlet, ILongOperation
{
    private const string BackupSet = "Backup";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    // All of one machine at once: what one of them stands on may be another of them.
    private readonly List<VMBackup> _piped = [];
    private readonly List<(string VM, string Repository)> _machines = [];

    /// <summary>The domains as they were named when they were backed up.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The repository's directory.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = BackupSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The backups' ids.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [Alias("BackupId")]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Id { get; set; } = [];

    /// <summary>Keep so many of the newest backups.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [ValidateRange(0, int.MaxValue)]
    public int? KeepLast { get; set; }

    /// <summary>Keep the newest backup of so many hours.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [ValidateRange(0, int.MaxValue)]
    public int? KeepHourly { get; set; }

    /// <summary>Keep the newest backup of so many days.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [ValidateRange(0, int.MaxValue)]
    public int? KeepDaily { get; set; }

    /// <summary>Keep the newest backup of so many weeks.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [ValidateRange(0, int.MaxValue)]
    public int? KeepWeekly { get; set; }

    /// <summary>Keep the newest backup of so many months.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [ValidateRange(0, int.MaxValue)]
    public int? KeepMonthly { get; set; }

    /// <summary>Keep the newest backup of so many years.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [ValidateRange(0, int.MaxValue)]
    public int? KeepYearly { get; set; }

    /// <summary>Backup objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBackup", "Backup")]
    [ValidateNotNullOrEmpty]
    public VMBackup[] InputObject { get; set; } = [];

    /// <summary>Fold what other backups need of these into them, in place of refusing.</summary>
    [Parameter]
    public SwitchParameter Merge { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private bool HasRules => KeepLast is not null || KeepHourly is not null || KeepDaily is not null || KeepWeekly is not null || KeepMonthly is not null || KeepYearly is not null;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        if (Id.Length > 0 && HasRules)
            ThrowTerminatingError(CmdletErrors.Exclude("remove backups", "-Id names those that go, and the rules (-KeepLast and the like) find them", "Leave out one of the two.").ToErrorRecord());
        if (Merge && HasRules)
            ThrowTerminatingError(CmdletErrors.Exclude("remove backups", "-Merge is for backups that are named, and by rules what is still needed is always folded into what stays", "Leave -Merge out.").ToErrorRecord());
    }

    private protected override void Process()
    {
        if (VM.Length > 0 && Id.Length == 0 && !HasRules)
            ThrowTerminatingError(CmdletErrors.Missing("remove backups", "it is not said which", "Name them with -Id, or say which to keep with -KeepLast, -KeepDaily and the like.").ToErrorRecord());
        _piped.AddRange(InputObject);
        foreach (VMReference reference in VM)
        {
            Attempt(reference.Name, () =>
            {
                string repository = FilePath(Repository);
                // The domain need not be known here any more: the repository says which there are.
                IReadOnlyList<string> names = WildcardPattern.ContainsWildcardCharacters(reference.Pattern)
                    ? Run((_, _) => Engine.FindBackedUpAsync(repository, reference.Pattern))
                    : [reference.Name];
                _machines.AddRange(names.Select(vm => (vm, repository)));
            });
        }
    }

    private protected override void Conclude()
    {
        foreach (IGrouping<(string Repository, Guid Uuid), VMBackup> machine in _piped.GroupBy(backup => (backup.Repository, backup.Uuid)))
        {
            string vm = machine.MaxBy(backup => backup.Id, StringComparer.Ordinal)!.VM;
            Attempt(vm, () => Remove(vm, new RemoveBackupRequest { Repository = machine.Key.Repository, Ids = [.. machine.Select(backup => backup.Id).Distinct(StringComparer.Ordinal)], Merge = Merge }));
        }

        foreach ((string vm, string repository) in _machines.Distinct())
        {
            Attempt(vm, () => Remove(vm, new RemoveBackupRequest
            {
                Repository = repository, Ids = Id, Merge = Merge,
                KeepLast = KeepLast, KeepHourly = KeepHourly, KeepDaily = KeepDaily, KeepWeekly = KeepWeekly, KeepMonthly = KeepMonthly, KeepYearly = KeepYearly,
            }));
        }
    }

    private void Remove(string vm, RemoveBackupRequest request)
    {
        HashSet<string> told = new(StringComparer.Ordinal);
        IReadOnlyList<VMBackupPlan> plan = Run((report, cancellation) => Engine.PlanBackupRemovalAsync(vm, request, new OnceReport(report, told), cancellation));
        VMBackupPlan[] going = [.. plan.Where(row => !row.Keep)];
        string[] ids = [.. going.Select(row => row.BackupId)];
        if (going.Length > 0 && ShouldProcess($"{vm}: {(going.Length == 1 ? "backup" : "backups")} {Listed(ids)} in '{request.Repository}'", Action(plan, going), ids))
            plan = Run((report, cancellation) => Engine.RemoveBackupsAsync(vm, request, new OnceReport(report, told), cancellation));
        WriteObject(plan, enumerateCollection: true);
    }

    private static string Action(IReadOnlyList<VMBackupPlan> plan, VMBackupPlan[] going)
    {
        string[] heirs = [.. going.Select(row => row.MergedInto).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        string folded = heirs.Length == 0 ? "" : $"; what is still needed is folded into {Listed(heirs)}";
        int stays = plan.Count - going.Length;
        string rest = stays switch { 0 => "no backup of it stays", 1 => "1 backup stays", _ => $"{stays} backups stay" };
        return $"Remove for good (about {ByteText.Of(plan.Sum(row => row.FreedBytes))} come free{folded}; {rest})";
    }
}
