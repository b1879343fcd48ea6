using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Pipeline;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Restores the disks of a backup: to new files, as a machine of its own, or onto the disks of the machine it is of.</summary>
[Cmdlet(VerbsData.Restore, "VMBackup", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMRestoredDisk), typeof(MomentJob))]
public sealed class RestoreVMBackupCommand : MomentCmdlet, ILongOperation
{
    private const string BackupSet = "Backup";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    /// <summary>The domain as it is named now, or was when it was backed up.</summary>
    [Parameter(Position = 0, ParameterSetName = BackupSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [ValidateNotNull]
    public VMReference VM { get; set; } = null!;

    /// <summary>The repository's directory.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = BackupSet)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The backup's id; the newest if neither this nor a time is given.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [Alias("BackupId")]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Id { get; set; }

    /// <summary>The newest backup at or before this time.</summary>
    [Parameter(ParameterSetName = BackupSet)]
    [PointInTime]
    [ValidateNotNull]
    public DateTimeOffset? Until { get; set; }

    /// <summary>Backup objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBackup", "Backup")]
    [ValidateNotNullOrEmpty]
    public VMBackup[] InputObject { get; set; } = [];

    /// <summary>The directory for the new files; made if it does not exist.</summary>
    [Parameter]
    [Alias("Path", "DestinationPath")]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>The name of a new domain, with a UUID and addresses of its own, that gets the disks.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [ValidateNotNullOrEmpty]
    public string? AsDomain { get; set; }

    /// <summary>Start the new domain at once, on overlays that stand on the backup.</summary>
    [Parameter]
    public SwitchParameter Instant { get; set; }

    /// <summary>Copy the content into the overlays while the new domain runs, so that it needs the repository no longer.</summary>
    [Parameter]
    public SwitchParameter Move { get; set; }

    /// <summary>Vouch for the definition in the backup: it may run other programs than an installed QEMU, give QEMU arguments of its own, and name files of this host.</summary>
    [Parameter]
    public SwitchParameter TrustDefinition { get; set; }

    /// <summary>Write what differs onto the disks of the stopped machine.</summary>
    [Parameter]
    public SwitchParameter InPlace { get; set; }

    /// <summary>The disks; all if not given.</summary>
    [Parameter]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(BackupDiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The format of the new files.</summary>
    [Parameter]
    [ValidateSet("qcow2", "raw")]
    public string Format { get; set; } = "qcow2";

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    // A machine that runs on a backup already, named by -AsDomain alone.
    private bool MovesOnly => Move && !Instant;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        var given = new RestoreChoice(Destination, AsDomain, Instant, Move, InPlace, IsGiven(nameof(Format)), IsGiven(nameof(VM)) || IsGiven(nameof(Id)) || IsGiven(nameof(Until)) || IsGiven(nameof(Disk)));
        if (given.Trouble is { } trouble)
            ThrowTerminatingError(trouble.ToErrorRecord());
    }

    private protected override void Process()
    {
        if (MovesOnly && (ParameterSetName == InputObjectSet || VM is not null))
            ThrowTerminatingError(RestoreChoice.OnlyMoved.ToErrorRecord());
        if (ParameterSetName == BackupSet && VM is null && !MovesOnly)
            ThrowTerminatingError(CmdletErrors.Missing("restore a backup", "it is not said of which machine", "Name the machine with -VM, or pipe backups in from Get-VMBackup.").ToErrorRecord());
        if (VM?.IsOf<VMBackup>() == true && Id is null && Until is null)
            ThrowTerminatingError(CmdletErrors.Missing("restore a backup", "it is not said which, for with -Repository an object tells no more than its machine", "Leave -Repository out to restore the backup that is given, or name one with -Id or -Until.").ToErrorRecord());
        if (MovesOnly)
            Attempt(AsDomain, () => Restore(AsDomain!, Request(FilePath(Repository))));
        else if (VM is not null)
            Attempt(VM.Name, () => Restore(VM.Name, Request(FilePath(Repository)) with { Id = Id, Until = Until }));
        foreach (VMBackup backup in InputObject)
            Attempt(backup, () => Restore(backup.VM, Request(backup.Repository) with { Id = backup.Id, Uuid = backup.Uuid }));
    }

    private RestoreBackupRequest Request(string repository) => new()
    {
        Repository = repository,
        Destination = Destination is null ? null : FilePath(Destination),
        AsDomain = AsDomain,
        InPlace = InPlace,
        Instant = Instant,
        Move = Move,
        TrustDefinition = TrustDefinition,
        Disks = Disk,
        Format = Format.ToLowerInvariant(),
    };

    private void Restore(string vm, RestoreBackupRequest request)
    {
        if (MovesOnly)
        {
            if (ShouldProcess(vm, $"Move its disks off the backups in {request.Repository}, while it runs"))
                WriteObject(Run((report, cancellation) => Engine.RestoreBackupAsync(vm, request, report, cancellation)), enumerateCollection: true);
            return;
        }

        string backup = request.Id ?? (request.Until is { } until ? $"(the newest until {until.ToLocalTime():yyyy-MM-dd HH:mm})" : "(the newest)");
        // How much differs is told to one who looks, and not in a job: what is done is the same.
        if (ShouldProcess($"{vm}, backup {backup}", Action(vm, request), []))
            WriteObject(Run((report, cancellation) => Engine.RestoreBackupAsync(vm, request, report, cancellation)), enumerateCollection: true);
    }

    private string Action(string vm, RestoreBackupRequest request)
    {
        string disks = Disk.Length == 0 ? "all disks" : $"disk {string.Join(", ", Disk)}";
        if (Instant)
            return $"Start {disks} as the new domain '{AsDomain}', on overlays in {request.Destination}{(Move ? ", and move it off the backup" : ", which stand on the backup")}";
        if (AsDomain is not null)
            return $"Restore {disks} as the new domain '{AsDomain}' with new files in {request.Destination}";
        return !InPlace ? $"Restore {disks} to new files in {request.Destination}"
            : IsAsked ? Written(Run((report, cancellation) => Engine.PlanBackupRestoreAsync(vm, request, report, cancellation)))
            : $"Write what differs onto the machine's own {disks}; what they hold instead is lost";
    }

    private static string Written(IReadOnlyList<VMRestoredDisk> plan)
    {
        VMRestoredDisk[] differing = [.. plan.Where(disk => disk.WrittenBytes > 0)];
        return differing.Length == 0 ? $"Write nothing: {string.Join(", ", plan.Select(disk => disk.Disk))} {(plan.Count == 1 ? "holds" : "hold")} what the backup {plan[0].BackupId} holds"
            : $"Write the {ByteText.Of(differing.Sum(disk => disk.WrittenBytes))} that differ onto the machine's own disks, where what is there instead is lost ({string.Join(", ", differing.Select(disk => $"{disk.Disk} {ByteText.Of(disk.WrittenBytes)}"))})";
    }

    // How much differs takes as long to tell as the disks take to read: only for one who looks at it before it happens.
    private bool IsAsked =>
        IsOn("WhatIf") || IsOn("Confirm") || LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"))
        || !MyInvocation.BoundParameters.ContainsKey("Confirm") && GetVariableValue("ConfirmPreference") is ConfirmImpact.Low or ConfirmImpact.Medium;

    private bool IsGiven(string name) => MyInvocation.BoundParameters.ContainsKey(name);

    private bool IsOn(string name) => MyInvocation.BoundParameters.TryGetValue(name, out object? given) && given is SwitchParameter { IsPresent: true };
}
