using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Writes moments as libvirt's XML: one, some, or all in one document.</summary>
[Cmdlet(VerbsData.Export, "VMMoment", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(string), typeof(FileInfo))]
public sealed class ExportVMMomentCommand : NamedCmdlet
{
    // All that the pipeline brings is one export a machine, so that nothing is written before all of it is known to be writable.
    private readonly Dictionary<string, List<string>> _given = new(StringComparer.Ordinal);

    /// <summary>The moments, with wildcards; all in one document if not given.</summary>
    [Parameter(Position = 1, ParameterSetName = NameSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Moment objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMMoment[] InputObject { get; set; } = [];

    /// <summary>The file to write, or the directory for a file each.</summary>
    [Parameter]
    [Alias("LiteralPath", "FilePath", "Destination")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Leave out the machine's definition at the time of the moment.</summary>
    [Parameter]
    public SwitchParameter NoDomain { get; set; }

    /// <summary>With passwords and other secrets of the definitions.</summary>
    [Parameter]
    [Alias("SecurityInfo")]
    public SwitchParameter Secure { get; set; }

    /// <summary>With the bytes written since each checkpoint.</summary>
    [Parameter]
    public SwitchParameter Size { get; set; }

    /// <summary>Write onto files that exist.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Hand all moments over to libvirt: their bitmaps are converted, and they leave MomentTools.</summary>
    [Parameter(ParameterSetName = NameSet)]
    public SwitchParameter ForLibvirt { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMMoment moment in InputObject)
        {
            if (!_given.TryGetValue(moment.VM, out List<string>? names))
                _given.Add(moment.VM, names = []);
            names.Add($"{moment.Kind.ToLowerInvariant()}:{moment.Name}");
        }

        // Text can be given at once; what is written waits until it is known that no two machines would write to one file.
        ForEachDomain(VM, vm =>
        {
            if (Path is null)
                Export(vm, Name);
            else
                _given[vm] = [.. Name];
        });
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        Attempt(Path, () =>
        {
            if (_given.Count > 1 && Path is not null)
                RequireFileEach(Target(Path));
            foreach ((string vm, List<string> names) in _given)
                Attempt(vm, () => Export(vm, names));
        });
    }

    private void RequireFileEach(string path)
    {
        if (!System.IO.Directory.Exists(path) && !System.IO.Path.EndsInDirectorySeparator(path))
            throw CmdletErrors.OneFileForMany(path, _given.Keys);
        Dictionary<string, string> writers = new(StringComparer.Ordinal);
        foreach ((string vm, List<string> names) in _given)
            foreach (VMMoment moment in Run((report, cancellation) => Engine.GetMomentsAsync(vm, new MomentQuery { Names = names }, report, cancellation)))
                if (!writers.TryAdd(moment.Name, vm) && writers[moment.Name] != vm)
                    throw CmdletErrors.OneNameForTwo(path, moment.Name, writers[moment.Name], vm);
    }

    private void Export(string vm, IReadOnlyList<string> names)
    {
        string? path = Path is null ? null : Target(Path);
        var request = new ExportMomentsRequest { Names = names, NoDomain = NoDomain, Secure = Secure, Size = Size, Path = path, Force = Force };
        if (ForLibvirt)
        {
            HandOver(vm, request);
            return;
        }

        if (path is not null && !ShouldProcess(path, names.Count == 0 ? $"Export all moments of '{vm}'" : $"Export {Listed([.. names])} of '{vm}'"))
            return;
        Write(Run((report, cancellation) => Engine.ExportMomentsAsync(vm, request, report, cancellation)));
    }

    private void HandOver(string vm, ExportMomentsRequest request)
    {
        if (!ShouldProcess(vm, $"Hand all moments over to libvirt, into '{request.Path}'"))
            return;
        // Everything else here only reads, so that the cmdlet as a whole does not ask.
        if (!MyInvocation.BoundParameters.ContainsKey("Confirm")
            && !ShouldContinue($"The bitmaps of '{vm}' will be converted so that each records from its checkpoint until now, as libvirt wants them, and its moments will leave MomentTools: they are libvirt's from then on. Import-VMMoment takes them back.", "Hand moments over to libvirt"))
            return;
        Write(Run((report, cancellation) => Engine.HandOverMomentsAsync(vm, request, report, cancellation)));
    }

    private void Write(IReadOnlyList<VMMomentDocument> documents)
    {
        foreach (VMMomentDocument document in documents)
        {
            if (document.Path is { } written)
                // As Get-Item gives it: a bare FileInfo lacks what the table of files shows.
                WriteObject(InvokeProvider.Item.Get([written], force: true, literalPath: true), enumerateCollection: true);
            else
                WriteObject(document.Xml);
        }
    }

    // A slash at the end says that a directory is meant, though it is not there yet.
    private string Target(string given)
    {
        string path = FilePath(given);
        return System.IO.Path.EndsInDirectorySeparator(given) && !System.IO.Path.EndsInDirectorySeparator(path) ? path + System.IO.Path.DirectorySeparatorChar : path;
    }
}
