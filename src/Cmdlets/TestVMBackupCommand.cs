using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Cmdlets;

/// <summary>Tells whether backups are what they were when they were made.</summary>
[Cmdlet(VerbsDiagnostic.Test, "VMBackup", DefaultParameterSetName = InputObjectSet)]
[OutputType(typeof(bool), typeof(VMBackupFinding), typeof(MomentJob))]
public sealed class TestVMBackupCommand : MomentCmdlet, ILongOperation
{
    private const string IdSet = "Id";
    // The default: of two sets that take pipeline input PowerShell prefers it, and a name alone still means the other one.
    private const string InputObjectSet = "InputObject";

    private readonly List<VMBackup> _piped = [];
    private bool _asked;
    private bool _sound = true;

    /// <summary>The domains as they were named when they were backed up.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = IdSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The repository's directory.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = IdSet)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The backups' ids; all if not given.</summary>
    [Parameter(ParameterSetName = IdSet)]
    [Alias("BackupId")]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Id { get; set; } = [];

    /// <summary>Backup objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBackup", "Backup")]
    [ValidateNotNullOrEmpty]
    public VMBackup[] InputObject { get; set; } = [];

    /// <summary>The disks; all if not given.</summary>
    [Parameter]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(BackupDiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Give what was found in place of a Boolean; nothing where all is well.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <summary>Compare with the machine's disks, too: all that did not change since must be equal.</summary>
    [Parameter]
    public SwitchParameter Source { get; set; }

    /// <summary>Start each backup, too, on an overlay that is thrown away, and wait for a sign of life.</summary>
    [Parameter]
    public SwitchParameter Boot { get; set; }

    /// <summary>The text on the serial console that is the sign of life; an answer of the guest's agent if not given.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? BootText { get; set; }

    /// <summary>How long to wait for the sign of life.</summary>
    [Parameter]
    [Duration]
    [ValidateLease]
    public TimeSpan BootTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Do it in a background job, and give the job.</summary>
    [Parameter]
    [Alias("RunAsync")]
    public SwitchParameter AsJob { get; set; }

    private protected override void Process()
    {
        _piped.AddRange(InputObject);
        foreach (VMReference reference in VM)
        {
            // The domain need not be known here any more: the repository says which there are.
            string repository = "";
            IReadOnlyList<string>? names = null;
            Attempt(reference.Name, () =>
            {
                repository = FilePath(Repository);
                names = Run((_, _) => Engine.FindBackedUpAsync(repository, reference.Pattern));
            });
            // A pattern that means none is no answer.
            _asked |= names is not { Count: 0 };
            _sound &= names is not null;
            foreach (string vm in names ?? [])
                Test(vm, repository, Id);
        }
    }

    private protected override void Conclude()
    {
        // All of one machine at once: what several stand on is read once.
        foreach (IGrouping<(Guid Uuid, string Repository), VMBackup> machine in _piped.GroupBy(backup => (backup.Uuid, backup.Repository)))
            Test(machine.MaxBy(backup => backup.Id, StringComparer.Ordinal)!.VM, machine.Key.Repository, [.. machine.Select(backup => backup.Id).Distinct(StringComparer.Ordinal)]);
        if (_asked && !Detailed)
            WriteObject(_sound);
    }

    private void Test(string vm, string repository, string[] ids)
    {
        _asked = true;
        var request = new TestBackupRequest
        {
            Repository = repository, Ids = ids, Disks = Disk, Source = Source, Boot = Boot, BootText = BootText, BootTimeout = BootTimeout,
        };
        IReadOnlyList<VMBackupFinding>? findings = null;
        Attempt(vm, () => findings = Run((report, cancellation) => Engine.TestBackupsAsync(vm, request, report, cancellation)));
        _sound &= findings is { Count: 0 };
        if (findings is null)
            return;
        if (Detailed)
            WriteObject(findings, enumerateCollection: true);
        else
            foreach (VMBackupFinding finding in findings)
                WriteVerbose($"{finding.Id}: {finding.Message}");
    }
}
