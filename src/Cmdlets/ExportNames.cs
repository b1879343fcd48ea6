using System.Collections;

namespace MomentTools.Cmdlets;

/// <summary>What -ExportName of Start-VMBlockExport accepts: the name for the one disk that is exported, or names by disk.</summary>
public sealed class ExportNames
{
    private readonly string? _sole;
    private readonly Dictionary<string, string> _byDisk = new(StringComparer.Ordinal);

    /// <summary>The name of the only export.</summary>
    public ExportNames(string name)
    {
        _sole = string.IsNullOrEmpty(name) ? throw new FormatException("The name of an export is empty.") : name;
    }

    /// <summary>Names by disk, as in @{ vda = 'system'; vdb = 'data' }.</summary>
    public ExportNames(IDictionary names)
    {
        ArgumentNullException.ThrowIfNull(names);
        foreach (DictionaryEntry one in names)
        {
            string name = GivenValue.Text(one.Value);
            _byDisk[GivenValue.Text(one.Key)] = name.Length > 0 ? name : throw new FormatException($"The export of disk '{GivenValue.Text(one.Key)}' has no name.");
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _sole ?? string.Join(", ", _byDisk.Select(pair => $"{pair.Key} = {pair.Value}"));

    /// <summary>The names by disk, after a check that one name is meant for one disk.</summary>
    internal IReadOnlyDictionary<string, string> ByDisk(string vm, IReadOnlyList<string> disks) =>
        _sole is null ? _byDisk
        : disks is [string disk] ? new Dictionary<string, string>(StringComparer.Ordinal) { [disk] = _sole }
        : throw CmdletErrors.OneNameForDisks(_sole, vm, disks);
}
