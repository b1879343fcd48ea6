using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>What the lists of moments share: the filters, in libvirt's sense (alternatives inside a group, all groups hold).</summary>
public abstract class MomentListCmdlet : DomainCmdlet
{
    // Format files choose a view by type name; the objects themselves are those of any other list. Where both kinds are in one list, they share a table.
    private const string TreeTypeName = "MomentTools.VMMoment#Tree";
    private const string SizeTypeName = "MomentTools.VMMoment#Size";
    private const string AnyTypeName = "MomentTools.VMMoment#Any";

    /// <summary>Names, with wildcards.</summary>
    [Parameter(Position = 1)]
    [Alias("MomentName", "CheckpointName", "SnapshotName")]
    [ArgumentCompleter(typeof(MomentCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public virtual string[] Name { get; set; } = [];

    /// <summary>Only moments without a parent.</summary>
    [Parameter]
    [Alias("Root")]
    public SwitchParameter Roots { get; set; }

    /// <summary>Only moments without children.</summary>
    [Parameter]
    [Alias("Leaf")]
    public SwitchParameter Leaves { get; set; }

    /// <summary>Only moments with children.</summary>
    [Parameter]
    [Alias("NoLeaf", "Inner")]
    public SwitchParameter NoLeaves { get; set; }

    /// <summary>Only moments that a disk's present content descends from directly.</summary>
    [Parameter]
    public SwitchParameter Current { get; set; }

    /// <summary>Only moments that are not current.</summary>
    [Parameter]
    public SwitchParameter NoCurrent { get; set; }

    /// <summary>Only moments that MomentTools has metadata of.</summary>
    [Parameter]
    public SwitchParameter Metadata { get; set; }

    /// <summary>Only what is in the images without metadata.</summary>
    [Parameter]
    public SwitchParameter NoMetadata { get; set; }

    /// <summary>The children of this moment.</summary>
    [Parameter]
    [Alias("ChildOf")]
    [ArgumentCompleter(typeof(MomentCompleter))]
    public MomentReference? From { get; set; }

    /// <summary>With -From: all below it.</summary>
    [Parameter]
    [Alias("IncludeDescendant", "Recurse")]
    public SwitchParameter Descendants { get; set; }

    /// <summary>Parents before children.</summary>
    [Parameter]
    public SwitchParameter Topological { get; set; }

    /// <summary>Also find out how much was written since each moment.</summary>
    [Parameter]
    public SwitchParameter Size { get; set; }

    /// <summary>In the order of the tree, and drawn as one.</summary>
    [Parameter]
    public SwitchParameter Tree { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDomain(VM, vm =>
    {
        MomentQuery query = Narrow(CommonQuery(vm));
        foreach (VMMoment moment in Run((report, cancellation) => Engine.GetMomentsAsync(vm, query, report, cancellation)))
            WriteObject(Tree ? Shown(moment, TreeTypeName) : Size ? Shown(moment, SizeTypeName) : query.Kind is null && moment is VMSnapshot ? Shown(moment, AnyTypeName) : moment);
    });

    private protected abstract MomentQuery Narrow(MomentQuery query);

    private MomentQuery CommonQuery(string vm) => new()
    {
        Names = Name,
        Roots = Roots,
        Leaves = Leaves,
        NoLeaves = NoLeaves,
        Current = Current,
        NoCurrent = NoCurrent,
        Metadata = Metadata,
        NoMetadata = NoMetadata,
        From = From?.NameIn(vm),
        Descendants = Descendants,
        Topological = Topological,
        Size = Size,
        Tree = Tree,
    };

    private static PSObject Shown(VMMoment moment, string typeName)
    {
        var shown = new PSObject(moment);
        shown.TypeNames.Insert(0, typeName);
        return shown;
    }
}
