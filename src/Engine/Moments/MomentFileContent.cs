namespace MomentTools.Moments;

/// <summary>What the file of a moment says.</summary>
/// <param name="Moment">The moment.</param>
/// <param name="Points">Its point on each disk that it has one on, by the disk's name.</param>
internal sealed record MomentFileContent(StoredMoment Moment, IReadOnlyDictionary<string, TrackingPoint> Points);
