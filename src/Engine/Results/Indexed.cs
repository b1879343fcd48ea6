using System.Collections.ObjectModel;

namespace MomentTools;

/// <summary>
/// The lists of results. PowerShell cannot index what the compiler makes of <c>[.. list]</c>: there <c>$vm.Disks[0]</c> would be the whole
/// list, and <c>$vm.Disks[1]</c> nothing. Of an array it makes "System.String[]" in a CSV file, where this says what is in it.
/// </summary>
internal static class Indexed
{
    public static IReadOnlyList<T> Of<T>(IReadOnlyList<T> list) => list as ResultList<T> ?? new ResultList<T>([.. list]);

    private sealed class ResultList<T>(T[] items) : ReadOnlyCollection<T>(items)
    {
        /// <summary>The same as the count: without it PowerShell would give the length of each text in the list.</summary>
        public int Length => Count;

        public override string ToString() => string.Join(", ", this);
    }
}
