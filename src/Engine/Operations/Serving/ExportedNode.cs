using MomentTools.Blocks;

namespace MomentTools.Operations.Serving;

/// <summary>What one export shows.</summary>
/// <param name="Export">The export.</param>
/// <param name="Node">The node that is served.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Snapshot">The block snapshot, or null.</param>
/// <param name="Dirty">What changed since the moment that was asked for, or null: none was.</param>
internal sealed record ExportedNode(PlannedExport Export, string Node, long Size, string? Snapshot, ExtentMap? Dirty)
{
    /// <summary>The name of the bitmap, which clients see behind <c>qemu:dirty-bitmap:</c>: the moment's.</summary>
    public string? ContextName => Dirty is null ? null : Export.Since!.Name;
}
