using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Makes moments known from their XML, all or none.</summary>
[Cmdlet(VerbsData.Import, "VMMoment", DefaultParameterSetName = XmlSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMMoment))]
public sealed class ImportVMMomentCommand : MomentCmdlet
{
    private const string PathSet = "Path";
    private const string XmlSet = "Xml";

    private readonly PipedDocuments _documents = new();

    // Whether -Xml stands on the command line: then the pipeline brings the domains, else the text.
    private bool _isGiven;

    /// <summary>The domain.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = XmlSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName", "Domain", "DomainName")]
    [ArgumentCompleter(typeof(DomainCompleter))]
    [SupportsWildcards]
    public VMReference[] VM { get; set; } = [];

    /// <summary>Files with moments, and directories of such files.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [Alias("LiteralPath", "FilePath")]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Moments as XML text; also the lines that another program prints.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string[] Xml { get; set; } = [];

    /// <summary>Refuse moments whose bitmaps or internal snapshots are not in the images.</summary>
    [Parameter]
    public SwitchParameter Validate { get; set; }

    /// <summary>Make the imported moment the current one.</summary>
    [Parameter]
    public SwitchParameter Current { get; set; }

    /// <summary>Take the descriptions alone.</summary>
    [Parameter]
    public SwitchParameter MetadataOnly { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing() => _isGiven = MyInvocation.BoundParameters.ContainsKey(nameof(Xml));

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
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
        if (ParameterSetName == XmlSet && !_isGiven)
            ForEachDomain(VM, vm => Import(vm, [], _documents.All()));
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
