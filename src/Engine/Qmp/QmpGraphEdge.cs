namespace MomentTools.Qmp;

/// <summary>Who uses a node as what: an edge of the block graph (QAPI <c>XDbgBlockGraphEdge</c>).</summary>
/// <param name="Parent">The name of the parent: a node, a device's QOM path or id, or a job; empty for one without a name.</param>
/// <param name="Role">What the child is to its parent: file, backing, target, root, ...</param>
/// <param name="Child">The node that is used.</param>
internal sealed record QmpGraphEdge(string Parent, string Role, string Child);
