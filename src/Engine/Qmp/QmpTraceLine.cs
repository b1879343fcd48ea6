namespace MomentTools.Qmp;

/// <summary>One message as it went over the wire.</summary>
/// <param name="Direction">Who sent it.</param>
/// <param name="Time">When it was sent or had arrived whole.</param>
/// <param name="Text">The JSON text, without the end of line.</param>
internal readonly record struct QmpTraceLine(QmpDirection Direction, DateTimeOffset Time, string Text);
