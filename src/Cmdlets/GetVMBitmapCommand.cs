using System.Collections.ObjectModel;
using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Gets the dirty bitmaps that really are in the images, whether a moment knows them or not.</summary>
[Cmdlet(VerbsCommon.Get, "VMBitmap", DefaultParameterSetName = DomainSet)]
[OutputType(typeof(VMBitmap))]
public sealed class GetVMBitmapCommand : MomentCmdlet
{
    private const string DomainSet = "VM";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>The domains.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = DomainSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>The disks; all if not given.</summary>
    [Parameter(ParameterSetName = DomainSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Image files, with wildcards.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Image files, their names taken as they are.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        ForEachDomain(VM, vm => WriteObject(
            Run((report, cancellation) => Engine.GetBitmapsAsync(vm, Disk, report, cancellation)), enumerateCollection: true));
        foreach (string path in LiteralPath)
            Attempt(path, () => WriteBitmapsOf(FilePath(path)));
        foreach (string pattern in Path)
        {
            Attempt(pattern, () =>
            {
                foreach (string path in Expand(pattern))
                    Attempt(path, () => WriteBitmapsOf(path));
            });
        }
    }

    private void WriteBitmapsOf(string path) =>
        WriteObject(Run((_, cancellation) => Engine.GetBitmapsOfFileAsync(path, cancellation)), enumerateCollection: true);

    private Collection<string> Expand(string pattern)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(pattern))
            return [FilePath(pattern)];
        try
        {
            Collection<string> paths = SessionState.Path.GetResolvedProviderPathFromPSPath(pattern, out ProviderInfo provider);
            return provider.Name == "FileSystem" ? paths : throw CmdletErrors.NoFilePath(pattern, provider.Name);
        }
        catch (ItemNotFoundException)
        {
            // A pattern may match nothing.
            return [];
        }
    }
}
