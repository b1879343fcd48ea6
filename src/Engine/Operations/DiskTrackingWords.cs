using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>Says of a disk in plain words whether its changes are recorded, and why not. Pure.</summary>
internal static class DiskTrackingWords
{
    /// <param name="disk">The disk; its reason is there where it cannot be tracked.</param>
    /// <param name="tracking">Its tree.</param>
    /// <param name="seen">What is really on it, or null where it could not be looked at.</param>
    public static (VMDiskTracking Tracking, string Text) Of(VMDisk disk, DiskTracking tracking, ObservedLayer? seen)
    {
        if (disk.Reason is { } reason)
            return (VMDiskTracking.Impossible, reason);
        if (tracking.ActiveTip is not { } tip)
            return (VMDiskTracking.Ready, "No checkpoint covers the disk yet; the next one begins.");
        string since = tracking.Current is { } current ? $"'{current.Name}'" : "a moment that was removed";
        if (tracking.Layers[tip.LayerId].Path is var recorded && recorded != disk.Path)
            return (VMDiskTracking.Lost, $"Changes to the disk are refused: its image is '{disk.Path}', and '{recorded}' is recorded.");
        if (seen is null)
            return (VMDiskTracking.Unknown, $"Recorded since {since}, as far as is known: the disk could not be looked at.");
        if (new TrackingProof(tracking, seen).Doubt is { } doubt)
            return (VMDiskTracking.Lost, $"What changed since {since} is not known: {doubt}. The next checkpoint begins anew.");
        return tracking.Points[tip.PointId].Sources.OfType<SegmentSource.Lost>().FirstOrDefault() is { } lost
            ? (VMDiskTracking.Lost, $"What changed since {since} is not known: {lost.Reason}. It is recorded again, and the next checkpoint is one to compare with.")
            : (VMDiskTracking.Recorded, $"Recorded since {since}.");
    }
}
