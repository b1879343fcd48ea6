using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Backs machines up: in full, or what changed since the last backup in the same repository.</summary>
[Cmdlet(VerbsData.Backup, "VMDomain", DefaultParameterSetName = AutomaticSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMBackup))]
public sealed class BackupVMDomainCommand : DomainCmdlet
{
    private const string AutomaticSet = "Automatic";
    private const string FullSet = "Full";
    private const string IncrementalSet = "Incremental";

    /// <summary>The repository's directory; made if it does not exist.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Store everything.</summary>
    [Parameter(Mandatory = true, ParameterSetName = FullSet)]
    public SwitchParameter Full { get; set; }

    /// <summary>Store only what changed, and fail where that cannot be proven.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IncrementalSet)]
    public SwitchParameter Incremental { get; set; }

    /// <summary>The disks; all that can be backed up if not given.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The most bytes per second that each disk may read; 0 means no limit.</summary>
    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    public long SpeedLimit { get; set; }

    /// <summary>Compress what is stored.</summary>
    [Parameter]
    public SwitchParameter Compress { get; set; }

    /// <summary>Have the guest's agent freeze its file systems for the instant; where that cannot be done, no backup is made.</summary>
    [Parameter]
    public SwitchParameter Quiesce { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        BackupRequest? request = null;
        Attempt(Repository, () => request = new BackupRequest
        {
            Repository = FilePath(Repository),
            Kind = Full ? VMBackupKind.Full : Incremental ? VMBackupKind.Incremental : VMBackupKind.Automatic,
            Disks = Disk,
            SpeedLimit = SpeedLimit,
            Compress = Compress,
            Quiesce = Quiesce,
        });
        if (request is null)
            return;
        ForEachDomain(VM, vm =>
        {
            if (ShouldProcess(vm, Action(request)))
                WriteObject(Run((report, cancellation) => Engine.BackupAsync(vm, request, report, cancellation)));
        });
    }

    private static string Action(BackupRequest request) => request.Kind switch
    {
        VMBackupKind.Full => $"Back up in full to {request.Repository}",
        VMBackupKind.Incremental => $"Back up what changed to {request.Repository}",
        _ => $"Back up to {request.Repository}",
    };
}
