namespace MomentTools.Qmp;

/// <summary>What a machine does (QAPI <c>StatusInfo</c>).</summary>
/// <param name="Status">QAPI <c>RunState</c>: running, paused, prelaunch, io-error, postmigrate, ...</param>
/// <param name="Running">Whether its processors run.</param>
internal sealed record QmpStatus(string Status, bool Running);
