namespace MomentTools.Qmp;

/// <summary>How far a job has come.</summary>
/// <param name="Done">Bytes done.</param>
/// <param name="Total">Bytes expected in all; may still change.</param>
internal readonly record struct JobProgress(string JobId, long Done, long Total);
