namespace MomentTools;

/// <summary>
/// Lists as arrays: PowerShell cannot index what the compiler makes of <c>[.. list]</c>. There <c>$vm.Disks[0]</c> would be the whole list,
/// and <c>$vm.Disks[1]</c> nothing.
/// </summary>
internal static class Indexed
{
    public static IReadOnlyList<T> Of<T>(IReadOnlyList<T> list) => list as T[] ?? list.ToArray();
}
