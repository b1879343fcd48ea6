using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>Finds domains by what a user wrote.</summary>
internal static class DomainSearch
{
    /// <summary>The names that a name or a wildcard pattern means, in order; a pattern may match none.</summary>
    /// <exception cref="MomentException"><c>VMNotFound</c>: a plain name that no domain has.</exception>
    public static IReadOnlyList<string> Find(this DomainCatalogue catalogue, string nameOrPattern)
    {
        IReadOnlyList<string> names = catalogue.Names();
        // A domain may be called "a[1]": who writes just that means it.
        if (names.Contains(nameOrPattern, StringComparer.Ordinal))
            return [nameOrPattern];
        if (nameOrPattern.AsSpan().IndexOfAny("*?[`") < 0)
            throw MachineErrors.NotFound(nameOrPattern, names);
        var pattern = new WildcardPattern(nameOrPattern);
        return [.. names.Where(pattern.IsMatch)];
    }
}
