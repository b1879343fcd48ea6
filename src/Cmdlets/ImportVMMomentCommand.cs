using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Makes moments known from their XML, or from bitmaps of other programs, all or none.</summary>
[Cmdlet(VerbsData.Import, "VMMoment", DefaultParameterSetName = XmlSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMMoment))]
public sealed class ImportVMMomentCommand : MomentCmdlet
{
    private const string PathSet = "Path";
    private const string XmlSet = "Xml";
    private const string FromBitmapSet = "FromBitmap";
    private const string InputObjectSet = "InputObject";

    private readonly PipedDocuments _documents = new();

    // Whether -Xml stands on the command line: then the pipeline brings the domains, else the text.
    private bool _isGiven;

    // All that the pipeline brings of one machine closes at one instant.
    private readonly Dictionary<string, Dictionary<string, List<string>>> _bitmaps = new(StringComparer.Ordinal);

    /// <summary>The domain.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = XmlSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = FromBitmapSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>Files with moments, and directories of such files.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath", "XmlFile")]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Moments as XML text; also the lines that another program prints.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string[] Xml { get; set; } = [];

    /// <summary>Refuse moments whose bitmaps or internal snapshots are not in the images.</summary>
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    public SwitchParameter Validate { get; set; }

    /// <summary>Make the imported moment the current one.</summary>
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    public SwitchParameter Current { get; set; }

    /// <summary>Take the descriptions alone.</summary>
    [Parameter(ParameterSetName = XmlSet)]
    [Parameter(ParameterSetName = PathSet)]
    public SwitchParameter MetadataOnly { get; set; }

    /// <summary>Bitmaps that another program made and that record: each becomes a checkpoint.</summary>
    [Parameter(Mandatory = true, ParameterSetName = FromBitmapSet)]
    [ArgumentCompleter(typeof(RecordingBitmapCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] FromBitmap { get; set; } = [];

    /// <summary>Bitmap objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBitmap")]
    [ValidateNotNullOrEmpty]
    public VMBitmap[] InputObject { get; set; } = [];

    /// <summary>The disks whose bitmaps are meant; all that have one of that name if not given.</summary>
    [Parameter(ParameterSetName = FromBitmapSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The checkpoint's name, where it shall not be the bitmap's; the bitmap is renamed.</summary>
    [Parameter(Position = 1, ParameterSetName = FromBitmapSet)]
    [Parameter(Position = 1, ParameterSetName = InputObjectSet)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>What the checkpoints are about.</summary>
    [Parameter(ParameterSetName = FromBitmapSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [Alias("Notes")]
    public string? Description { get; set; }

    /// <summary>When the bitmaps were begun.</summary>
    [Parameter(ParameterSetName = FromBitmapSet)]
    [Parameter(ParameterSetName = InputObjectSet)]
    [PointInTime]
    public DateTimeOffset? Created { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing() => _isGiven = MyInvocation.BoundParameters.ContainsKey(nameof(Xml));

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMBitmap bitmap in InputObject)
            Add(bitmap);
        if (ParameterSetName == FromBitmapSet)
            ForEachDomain(VM, vm => Adopt(vm, FromBitmap.Distinct(StringComparer.Ordinal).ToDictionary(name => name, _ => (IReadOnlyList<string>)Disk, StringComparer.Ordinal)));
        if (ParameterSetName is FromBitmapSet or InputObjectSet)
            return;
        if (ParameterSetName == PathSet)
            ForEachDomain(VM, vm => Import(vm, [.. Path.Select(FilePath)], []));
        else if (_isGiven)
            ForEachDomain(VM, vm => Import(vm, [], PipedDocuments.Of(Xml)));
        else
            foreach (string text in Xml)
                _documents.Add(text);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach ((string vm, Dictionary<string, List<string>> bitmaps) in _bitmaps)
            Attempt(vm, () => Adopt(vm, bitmaps.ToDictionary(bitmap => bitmap.Key, bitmap => (IReadOnlyList<string>)bitmap.Value, StringComparer.Ordinal)));
        if (ParameterSetName == XmlSet && !_isGiven)
            ForEachDomain(VM, vm => Import(vm, [], _documents.All()));
    }

    private void Add(VMBitmap bitmap)
    {
        if (bitmap.VM is not { } vm || bitmap.Disk is not { } disk)
        {
            Attempt(bitmap, () => throw CmdletErrors.BitmapOfNoDomain(bitmap.Name, bitmap.Path, "imported"));
            return;
        }

        if (!_bitmaps.TryGetValue(vm, out Dictionary<string, List<string>>? names))
            _bitmaps.Add(vm, names = new Dictionary<string, List<string>>(StringComparer.Ordinal));
        if (!names.TryGetValue(bitmap.Name, out List<string>? disks))
            names.Add(bitmap.Name, disks = []);
        // What lies in layers below belongs to the bitmap of the same name above, and comes with it.
        if (!disks.Contains(disk, StringComparer.Ordinal))
            disks.Add(disk);
    }

    private void Adopt(string vm, Dictionary<string, IReadOnlyList<string>> bitmaps)
    {
        var request = new ImportBitmapsRequest { Bitmaps = bitmaps, Name = Name, Description = Description, Created = Created };
        if (ShouldProcess($"{vm}: {Listed([.. bitmaps.Keys.Select(name => $"bitmap '{name}'")])}", Name is null ? "Import as checkpoint" : $"Import as checkpoint '{Name}'"))
            WriteObject(Run((report, cancellation) => Engine.ImportBitmapsAsync(vm, request, report, cancellation)), enumerateCollection: true);
    }

    private void Import(string vm, IReadOnlyList<string> paths, IReadOnlyList<string> documents)
    {
        var request = new ImportMomentsRequest { Paths = paths, Documents = documents, Validate = Validate, Current = Current, MetadataOnly = MetadataOnly };
        string what = paths.Count > 0 ? Listed(paths) : "the XML given";
        bool tells = MyInvocation.BoundParameters.TryGetValue("WhatIf", out object? whatIf) && whatIf is SwitchParameter { IsPresent: true };
        if (tells)
        {
            IReadOnlyList<VMMoment> plan = Run((report, cancellation) => Engine.PlanImportAsync(vm, request, report, cancellation));
            what = Listed([.. plan.Select(moment => $"{moment.Kind.ToLowerInvariant()} '{moment.Name}'")]);
        }

        if (ShouldProcess($"{vm}: {what}", "Import"))
            WriteObject(Run((report, cancellation) => Engine.ImportMomentsAsync(vm, request, report, cancellation)), enumerateCollection: true);
    }
}
