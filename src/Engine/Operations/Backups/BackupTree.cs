using System.Text;

namespace MomentTools.Operations.Backups;

/// <summary>
/// Draws what stands on what among the backups of one machine, each below the newest that it stands on. Of a long chain the levels
/// nearest to the backup are drawn, behind "…".
/// </summary>
internal sealed class BackupTree
{
    private const int DrawnLevels = 4;

    private readonly List<VMBackup> _drawn = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly ILookup<string, VMBackup> _children;

    private BackupTree(IReadOnlyList<VMBackup> backups)
    {
        HashSet<string> known = [.. backups.Select(backup => backup.Id)];
        _children = backups.ToLookup(backup => backup.DependsOn.LastOrDefault(known.Contains) ?? "", StringComparer.Ordinal);
    }

    /// <summary>The backups in the order of the tree, each with its line.</summary>
    /// <param name="backups">Those of one machine, the oldest first.</param>
    public static IReadOnlyList<VMBackup> Draw(IReadOnlyList<VMBackup> backups)
    {
        var tree = new BackupTree(backups);
        tree.AddBelow("");
        // Manifests that name each other in a circle hang below nothing.
        foreach (VMBackup backup in backups.Where(backup => !tree._seen.Contains(backup.Id)))
            tree.Add(backup, []);
        return tree._drawn;
    }

    // A stack of our own: a chain may have thousands of backups.
    private void AddBelow(string root)
    {
        foreach (VMBackup first in _children[root])
        {
            Stack<(VMBackup Backup, bool[] Path)> open = new([(first, [])]);
            while (open.TryPop(out (VMBackup Backup, bool[] Path) next))
            {
                if (!Add(next.Backup, next.Path))
                    continue;
                VMBackup[] children = [.. _children[next.Backup.Id]];
                // Of the path only what can be drawn is kept.
                bool[] path = next.Path.Length > DrawnLevels ? next.Path[1..] : next.Path;
                for (int index = children.Length - 1; index >= 0; index--)
                    open.Push((children[index], [.. path, index == children.Length - 1]));
            }
        }
    }

    // The path tells of each level above whether it was the last below its parent, and of this one.
    private bool Add(VMBackup backup, bool[] path)
    {
        if (!_seen.Add(backup.Id))
            return false;
        var line = new StringBuilder();
        if (path.Length > DrawnLevels)
            line.Append("…  ");
        for (int level = Math.Max(0, path.Length - DrawnLevels); level < path.Length - 1; level++)
            line.Append(path[level] ? "   " : "│  ");
        if (path.Length > 0)
            line.Append(path[^1] ? "└─ " : "├─ ");
        _drawn.Add(backup with { Tree = line.Append(backup.Id).ToString() });
        return true;
    }
}
