using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Backs machines up: in full, what changed since an earlier backup in the same repository, or as a copy beside these.</summary>
[Cmdlet(VerbsData.Backup, "VMDomain", DefaultParameterSetName = AutomaticSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMBackup), typeof(MomentJob))]
public sealed class BackupVMDomainCommand : DomainCmdlet, ILongOperation
{
    private const string AutomaticSet = "Automatic";
    private const string FullSet = "Full";
    private const string IncrementalSet = "Incremental";
    private const string DifferentialSet = "Differential";
    private const string CopySet = "Copy";
    private const string XmlSet = "Xml";
    private const string PathSet = "Path";

    /// <summary>The repository's directory; made if it does not exist.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Store everything.</summary>
    [Parameter(Mandatory = true, ParameterSetName = FullSet)]
    public SwitchParameter Full { get; set; }

    /// <summary>Store only what changed since the last backup, and fail where a disk would have to be stored in full.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IncrementalSet)]
    public SwitchParameter Incremental { get; set; }

    /// <summary>Store what changed since the last full backup, or since the one that -Since names.</summary>
    [Parameter(Mandatory = true, ParameterSetName = DifferentialSet)]
    public SwitchParameter Differential { get; set; }

    /// <summary>The id of the backup that a differential one stands on, or the name of its checkpoint.</summary>
    [Parameter(ParameterSetName = DifferentialSet)]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Since { get; set; }

    /// <summary>Store everything beside the chain: no checkpoint is made, and no later backup stands on it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = CopySet)]
    public SwitchParameter Copy { get; set; }

    /// <summary>A domainbackup document of libvirt that says disks, mode, and since when changes count.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <summary>A file with such a document.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath", "XmlFile")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The disks; all that can be backed up if not given.</summary>
    [Parameter(ParameterSetName = AutomaticSet)]
    [Parameter(ParameterSetName = FullSet)]
    [Parameter(ParameterSetName = IncrementalSet)]
    [Parameter(ParameterSetName = DifferentialSet)]
    [Parameter(ParameterSetName = CopySet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Read a running machine from a held instant, by another process, in place of QEMU's own jobs.</summary>
    [Parameter(ParameterSetName = AutomaticSet)]
    [Parameter(ParameterSetName = FullSet)]
    [Parameter(ParameterSetName = IncrementalSet)]
    [Parameter(ParameterSetName = DifferentialSet)]
    [Parameter(ParameterSetName = CopySet)]
    public SwitchParameter Pull { get; set; }

    /// <summary>The most bytes per second that each disk may read; 0 means no limit.</summary>
    [Parameter]
    [ByteCount]
    [ValidateRange(0, long.MaxValue)]
    public long SpeedLimit { get; set; }

    /// <summary>Compress what is stored.</summary>
    [Parameter]
    public SwitchParameter Compress { get; set; }

    /// <summary>Have the guest's agent freeze its file systems for the instant; where that cannot be done, no backup is made.</summary>
    [Parameter]
    public SwitchParameter Quiesce { get; set; }

    /// <summary>The directory for the scratch files of a pull; beside each disk's image if not given.</summary>
    [Parameter]
    [Alias("ScratchDir")]
    [ValidateNotNullOrEmpty]
    public string? ScratchDirectory { get; set; }

    /// <summary>The most bytes that the scratch file of each disk may take before a pull fails.</summary>
    [Parameter]
    [ByteCount]
    [ValidateRange(1, long.MaxValue)]
    public long? ScratchLimit { get; set; }

    /// <summary>Why the backup is made; kept with it.</summary>
    [Parameter]
    [Alias("Notes")]
    [ValidateNotNullOrEmpty]
    [ValidateLength(1, 1024)]
    public string? Description { get; set; }

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        BackupRequest? request = null;
        Attempt(Repository, () => request = new BackupRequest
        {
            Repository = FilePath(Repository),
            Kind = Kind(),
            Since = Since,
            Disks = Disk,
            Pull = Pull,
            SpeedLimit = SpeedLimit,
            Compress = Compress,
            Quiesce = Quiesce,
            ScratchDirectory = ScratchDirectory is null ? null : FilePath(ScratchDirectory),
            ScratchLimit = ScratchLimit,
            Description = Description,
            Xml = Xml,
            XmlPath = Path is null ? null : FilePath(Path),
        });
        if (request is null)
            return;
        ForEachDomain(VM, vm =>
        {
            if (ShouldProcess(vm, Action(request)))
                WriteObject(Run((report, cancellation) => Engine.BackupAsync(vm, request, report, cancellation)));
        });
    }

    private VMBackupKind Kind() =>
        Full ? VMBackupKind.Full
        : Incremental ? VMBackupKind.Incremental
        : Differential ? VMBackupKind.Differential
        : Copy ? VMBackupKind.Copy
        : VMBackupKind.Automatic;

    private static string Action(BackupRequest request)
    {
        string what = request switch
        {
            { Xml: not null } or { XmlPath: not null } => "Back up as the document says",
            { Kind: VMBackupKind.Full } => "Back up in full",
            { Kind: VMBackupKind.Incremental } => "Back up what changed",
            { Kind: VMBackupKind.Differential } => $"Back up what changed since {request.Since ?? "the last full backup"}",
            { Kind: VMBackupKind.Copy } => "Copy beside the other backups",
            _ => "Back up",
        };
        string disks = request.Disks.Count == 0 ? "" : $" of {Listed(request.Disks)}";
        return $"{what}{disks}{(request.Pull ? ", by pull," : "")} to {request.Repository}";
    }
}
