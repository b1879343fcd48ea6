using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Restores the disks of a backup to new files.</summary>
[Cmdlet(VerbsData.Restore, "VMBackup", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMRestoredDisk))]
public sealed class RestoreVMBackupCommand : MomentCmdlet
{
    private const string IdSet = "Id";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    /// <summary>The domain as it was named when it was backed up.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = IdSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [ValidateNotNull]
    public VMReference VM { get; set; } = null!;

    /// <summary>The repository's directory.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = IdSet)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The backup's id; the newest if not given.</summary>
    [Parameter(ParameterSetName = IdSet)]
    [Alias("BackupId")]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Id { get; set; }

    /// <summary>Backup objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("Backup")]
    [ValidateNotNullOrEmpty]
    public VMBackup[] InputObject { get; set; } = [];

    /// <summary>The directory for the new files; made if it does not exist.</summary>
    [Parameter(Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = "";

    /// <summary>The disks; all if not given.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The format of the new files.</summary>
    [Parameter]
    [ValidateSet("qcow2", "raw")]
    public string Format { get; set; } = "qcow2";

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == IdSet)
            Attempt(VM.Name, () => Restore(VM.Name, FilePath(Repository), Id));
        foreach (VMBackup backup in InputObject)
            Attempt(backup, () => Restore(backup.VM, backup.Repository, backup.Id));
    }

    private void Restore(string vm, string repository, string? id)
    {
        var request = new RestoreBackupRequest
        {
            Repository = repository,
            Id = id,
            Destination = FilePath(Destination),
            Disks = Disk,
            Format = Format.ToLowerInvariant(),
        };
        string disks = Disk.Length == 0 ? "all disks" : $"disk {string.Join(", ", Disk)}";
        if (ShouldProcess($"{vm}, backup {id ?? "(the newest)"}", $"Restore {disks} to new files in {request.Destination}"))
            WriteObject(Run((report, cancellation) => Engine.RestoreBackupAsync(vm, request, report, cancellation)), enumerateCollection: true);
    }
}
