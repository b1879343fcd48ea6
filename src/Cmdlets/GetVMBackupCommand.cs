using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the backups in a repository, oldest first.</summary>
[Cmdlet(VerbsCommon.Get, "VMBackup")]
[OutputType(typeof(VMBackup))]
public sealed class GetVMBackupCommand : MomentCmdlet
{
    /// <summary>The domains as they were named when they were backed up; all in the repository if not given.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[]? VM { get; set; }

    /// <summary>The repository's directory.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>The backup's id.</summary>
    [Parameter]
    [Alias("BackupId")]
    [ValidateNotNullOrEmpty]
    public string? Id { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Repository, () =>
    {
        string repository = FilePath(Repository);
        // The domain need not be known here any more: the repository says which there are.
        string?[] patterns = VM is null ? [null] : [.. VM.Select(reference => reference.Pattern)];
        foreach (string? pattern in patterns)
        {
            Attempt(pattern, () => WriteObject(
                Run((report, cancellation) => Engine.GetBackupsAsync(repository, pattern, Id, report, cancellation)), enumerateCollection: true));
        }
    });
}
