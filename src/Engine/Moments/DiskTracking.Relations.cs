namespace MomentTools.Moments;

internal sealed partial record DiskTracking
{
    /// <summary>The lowest point at or above both; null where they have no common root, or their parents lead in a circle.</summary>
    public TrackingPoint? Meeting(string one, string other)
    {
        List<TrackingPoint> first = [.. Line(one)], second = [.. Line(other)];
        if (first.Count > Points.Count || second.Count > Points.Count)
            return null;
        HashSet<string> above = [.. first.Select(point => point.Id)];
        return second.Find(point => above.Contains(point.Id));
    }
}
