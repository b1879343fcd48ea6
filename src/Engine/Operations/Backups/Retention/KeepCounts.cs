namespace MomentTools.Operations.Backups.Retention;

/// <summary>How many backups each rule keeps; null or zero keeps none.</summary>
internal sealed record KeepCounts(int? Last = null, int? Hourly = null, int? Daily = null, int? Weekly = null, int? Monthly = null, int? Yearly = null)
{
    /// <summary>Whether any rule was given, one that keeps nothing included.</summary>
    public bool Given => All.Any(count => count is not null);

    /// <summary>The first count that is negative, or null.</summary>
    public int? Negative => All.FirstOrDefault(count => count < 0);

    /// <summary>Whether any rule keeps anything.</summary>
    public bool KeepsAny => All.Any(count => count > 0);

    private IEnumerable<int?> All => [Last, Hourly, Daily, Weekly, Monthly, Yearly];
}
