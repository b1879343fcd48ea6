using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Pipeline;

namespace MomentTools.Cmdlets;

/// <summary>Serves disks over NBD: of a running machine as they are at one instant, of a stopped one, of a block snapshot, or of a backup.</summary>
[Cmdlet(VerbsLifecycle.Start, "VMBlockExport", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMBlockExport))]
public sealed class StartVMBlockExportCommand : MomentCmdlet
{
    private const string DomainSet = "Domain";
    private const string BackupSet = "Backup";
    private const string XmlSet = "Xml";
    private const string PathSet = "Path";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = DomainSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = XmlSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>Block snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBlockSnapshot")]
    [ValidateNotNullOrEmpty]
    public VMBlockSnapshot[] InputObject { get; set; } = [];

    /// <summary>The disks; all if not given.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Parameter(ParameterSetName = BackupSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(BackupDiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The block snapshot; of a running machine one is made if not given, and goes with the export.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Alias("BlockSnapshot")]
    [ArgumentCompleter(typeof(BlockSnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Snapshot { get; set; }

    /// <summary>The moment from which changes count: its name, or the object.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [Alias("Checkpoint", "Incremental", "ChangeId")]
    [ArgumentCompleter(typeof(SinceCompleter))]
    [ValidateNotNull]
    public MomentReference? Since { get; set; }

    /// <summary>The exports' names: one for one disk, or a hashtable by disk.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Parameter(ParameterSetName = BackupSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [ValidateNotNull]
    public ExportNames? ExportName { get; set; }

    /// <summary>Where to listen; a unix socket of its own if not given.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Parameter(ParameterSetName = BackupSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [ArgumentCompleter(typeof(NewAddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Address { get; set; }

    /// <summary>The directory with the server's certificates; only encrypted connections are accepted.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TlsX509 { get; set; }

    /// <summary>The directory with keys.psk; only encrypted connections are accepted.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TlsPsk { get; set; }

    /// <summary>Listen without TLS where every host can reach it.</summary>
    [Parameter]
    public SwitchParameter AllowUnencrypted { get; set; }

    /// <summary>How many clients may be connected at once.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? MaxConnections { get; set; }

    /// <summary>Let clients write to the disks themselves.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    public SwitchParameter Writable { get; set; }

    /// <summary>How long it lives if nobody stops it before.</summary>
    [Parameter]
    [Duration]
    [ValidateLease]
    public TimeSpan? Lease { get; set; }

    /// <summary>It ends with this PowerShell.</summary>
    [Parameter]
    public SwitchParameter OwnedBySession { get; set; }

    /// <summary>The directory for the scratch files of a block snapshot that is made for the export.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    [Alias("ScratchDir")]
    [ValidateNotNullOrEmpty]
    public string? ScratchDirectory { get; set; }

    /// <summary>The most bytes that the scratch file of each disk may take.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    [ByteCount]
    [ValidateRange(1, long.MaxValue)]
    public long? ScratchLimit { get; set; }

    /// <summary>The directory of a backup repository, to serve one of its backups.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BackupSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? Repository { get; set; }

    /// <summary>The backup's id; the newest if not given.</summary>
    [Parameter(ParameterSetName = BackupSet, ValueFromPipelineByPropertyName = true)]
    [Alias("BackupId")]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Id { get; set; }

    /// <summary>A libvirt-style domainblockexport document that says all this.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string? Xml { get; set; }

    /// <summary>A file with such a document.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath", "XmlFile")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == DomainSet && VM.Any(vm => vm.IsOf<VMBackup>() || (Snapshot is null && vm.IsOf<VMBlockSnapshot>())))
            ThrowTerminatingError(CmdletErrors.Exclude(
                "serve what is given", "-Writable, -ScratchDirectory and -ScratchLimit are for the disks of a machine, and -Since is not for a backup", "Leave them out, or name the machine with -VM.").ToErrorRecord());
        foreach (VMBlockSnapshot snapshot in InputObject)
            Attempt(snapshot, () => Start(snapshot.VM, snapshot.Name, null, () => snapshot.Disks.Select(disk => disk.Name)));
        // The domain of a backup need not be known here any more: the repository says which there are.
        if (ParameterSetName == BackupSet)
            foreach (VMReference domain in VM)
                Attempt(domain.Name, () => StartBackup(domain.Name));
        else
            ForEachDomain(VM, vm => Start(vm, Snapshot, null, () => DisksOf(vm)));
    }

    private void StartBackup(string vm)
    {
        string repository = FilePath(Repository!);
        VMBackup? backup = Run((report, cancellation) => Engine.GetBackupsAsync(repository, WildcardPattern.Escape(vm), Id, report, cancellation)) is [.., { } newest] ? newest : null;
        Start(vm, null, backup?.Id ?? Id, () => backup?.Disks.Select(disk => disk.Name) ?? []);
    }

    private void Start(string vm, string? snapshot, string? backup, Func<IEnumerable<string>> disks)
    {
        var request = new StartBlockExportRequest
        {
            Disks = Disk,
            Snapshot = snapshot,
            Since = Since?.NameIn(vm),
            ExportNames = ExportName?.ByDisk(vm, Disk.Length > 0 ? Disk : [.. disks()]) ?? new Dictionary<string, string>(StringComparer.Ordinal),
            Address = Address,
            TlsX509 = Full(TlsX509),
            TlsPsk = Full(TlsPsk),
            AllowUnencrypted = AllowUnencrypted,
            MaxConnections = MaxConnections,
            Writable = Writable,
            Lease = Lease,
            OwnedBySession = OwnedBySession,
            ScratchDirectory = Full(ScratchDirectory),
            ScratchLimit = ScratchLimit,
            Repository = Full(Repository),
            BackupId = backup,
            Xml = Xml,
            XmlPath = Full(Path),
        };
        if (ShouldProcess(vm, Action(request)))
            WriteObject(Run((report, cancellation) => Engine.StartBlockExportAsync(vm, request, report, cancellation)), enumerateCollection: true);
    }

    private IEnumerable<string> DisksOf(string vm) => Snapshot is null
        ? Run((report, cancellation) => Engine.GetDomainAsync(vm, report, cancellation)).Disks.Select(disk => disk.Name)
        : Run((report, cancellation) => Engine.GetBlockSnapshotsAsync(vm, report, cancellation)).Where(one => one.Name == Snapshot).SelectMany(one => one.Disks).Select(disk => disk.Name);

    private static string Action(StartBlockExportRequest request)
    {
        string disks = request.Disks.Count == 0 ? "all disks" : Listed(request.Disks);
        string what = (request.Xml ?? request.XmlPath) is not null ? "what the document names"
            : request.Repository is { } repository ? $"{disks} of backup {request.BackupId} in {repository}"
            : request.Snapshot is { } snapshot ? $"{disks} of block snapshot '{snapshot}'"
            : disks;
        return $"Serve {what} over NBD{(request.Writable ? ", writable" : "")}{(request.Address is { } address ? $" at {address}" : "")}";
    }

    private string? Full(string? path) => path is null ? null : FilePath(path);
}
