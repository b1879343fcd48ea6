using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>Which branches a machine has, as its user sees them: without those that are kept aside.</summary>
internal static class BranchNames
{
    /// <summary>The branches in order of age.</summary>
    public static IReadOnlyList<Branch> Of(DomainMoments state) =>
        [.. state.Branches.Values.Where(branch => !branch.IsHidden).OrderBy(branch => branch.Created ?? DateTimeOffset.MinValue).ThenBy(branch => branch.Name, StringComparer.Ordinal)];

    /// <exception cref="Errors.MomentException"><c>BranchNotFound</c>, with names that are near.</exception>
    public static Branch Require(DomainMoments state, string vm, string name)
    {
        IReadOnlyList<Branch> branches = Of(state);
        return branches.FirstOrDefault(branch => branch.Name == name) ?? throw BranchErrors.NotFound(vm, name, branches.Select(branch => branch.Name));
    }

    /// <summary>Refuses a name that no branch may have, or that one has.</summary>
    /// <param name="state">The domain's moments.</param>
    /// <param name="place">The domain.</param>
    /// <param name="name">The name.</param>
    /// <param name="what">What is refused, so that it continues "Cannot …".</param>
    public static void RequireFree(DomainMoments state, DomainPlace place, string name, string what)
    {
        MomentNames.CheckBranch(name);
        // A branch whose file cannot be read has its name all the same.
        if (state.BranchNames.Contains(name, StringComparer.Ordinal) || state.BrokenBranches.Contains(name))
            throw BranchErrors.Exists(place.Name, name, what);
    }
}
