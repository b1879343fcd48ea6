using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the backups in a repository, oldest first, or as the tree of what stands on what.</summary>
[Cmdlet(VerbsCommon.Get, "VMBackup", DefaultParameterSetName = ListSet)]
[OutputType(typeof(VMBackup), ParameterSetName = [ListSet, TreeSet])]
[OutputType(typeof(string), ParameterSetName = [XmlSet])]
public sealed class GetVMBackupCommand : MomentCmdlet
{
    private const string ListSet = "List";
    private const string TreeSet = "Tree";
    private const string XmlSet = "Xml";

    // Format files choose a view by type name; the objects themselves are those of the list.
    private const string TreeTypeName = "MomentTools.VMBackup#Tree";

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
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Id { get; set; }

    /// <summary>In the order of the tree, and drawn as one.</summary>
    [Parameter(Mandatory = true, ParameterSetName = TreeSet)]
    public SwitchParameter Tree { get; set; }

    /// <summary>A domainbackup document of libvirt for each backup in place of objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [Alias("Xml")]
    public SwitchParameter AsXml { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Repository, () =>
    {
        string repository = FilePath(Repository);
        // The domain need not be known here any more: the repository says which there are.
        string?[] patterns = VM is null ? [null] : [.. VM.Select(reference => reference.Pattern)];
        foreach (string? pattern in patterns)
            Attempt(pattern, () => Write(repository, pattern));
    });

    private void Write(string repository, string? pattern)
    {
        if (AsXml)
            WriteObject(Run((report, cancellation) => Engine.GetBackupXmlAsync(repository, pattern, Id, report, cancellation)), enumerateCollection: true);
        else if (Tree)
            WriteObject(Run((report, cancellation) => Engine.GetBackupTreeAsync(repository, pattern, Id, report, cancellation)).Select(Drawn), enumerateCollection: true);
        else
            WriteObject(Run((report, cancellation) => Engine.GetBackupsAsync(repository, pattern, Id, report, cancellation)), enumerateCollection: true);
    }

    private static PSObject Drawn(VMBackup backup)
    {
        var drawn = new PSObject(backup);
        drawn.TypeNames.Insert(0, TreeTypeName);
        return drawn;
    }
}
