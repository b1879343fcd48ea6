namespace MomentTools.Qcow2;

/// <summary>The L2 tables used last, by where they lie in the file: 16 MiB of them, and four at least. Safe to use in parallel.</summary>
internal sealed class L2Cache(int clusterSize)
{
    private const int Budget = 16 << 20;
    private const int MinimumTables = 4;
    private const int MaximumTables = 4096;

    private readonly int _capacity = Math.Clamp(Budget / clusterSize, MinimumTables, MaximumTables);
    private readonly Dictionary<long, LinkedListNode<(long Offset, L2Table Table)>> _tables = [];
    private readonly LinkedList<(long Offset, L2Table Table)> _byUse = new();
    private readonly Lock _lock = new();

    public L2Table? Find(long offset)
    {
        lock (_lock)
        {
            if (!_tables.TryGetValue(offset, out LinkedListNode<(long Offset, L2Table Table)>? node))
                return null;
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Table;
        }
    }

    public void Add(long offset, L2Table table)
    {
        lock (_lock)
        {
            if (_tables.ContainsKey(offset))
                return;
            if (_tables.Count == _capacity)
            {
                _tables.Remove(_byUse.Last!.Value.Offset);
                _byUse.RemoveLast();
            }

            _tables.Add(offset, _byUse.AddFirst((offset, table)));
        }
    }
}
