namespace MomentTools.Qmp;

/// <summary>The block graph as a whole.</summary>
internal static class QmpGraphCommands
{
    /// <summary>
    /// Lists all edges of the block graph (<c>x-debug-query-block-graph</c>): no other command tells on which node a filter stands, and
    /// it changes with each snapshot.
    /// </summary>
    public static async Task<IReadOnlyList<QmpGraphEdge>> QueryBlockGraphAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        var reply = new QmpValue("x-debug-query-block-graph", await qmp.ExecuteAsync("x-debug-query-block-graph", null, cancellation));
        var names = new Dictionary<long, string>();
        foreach ((long id, string name) in reply["nodes"].List(node => (node["id"].Int64, node["name"].Text)))
            names[id] = name;
        return reply["edges"].List(edge => new QmpGraphEdge(names.GetValueOrDefault(edge["parent"].Int64, ""), edge["name"].Text, names.GetValueOrDefault(edge["child"].Int64, "")));
    }
}
