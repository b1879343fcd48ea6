using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>A line to the process that has a block snapshot's views: the machine's QEMU, or the storage daemon of a stopped machine's.</summary>
internal sealed class SnapshotLine : IAsyncDisposable
{
    private readonly IAsyncDisposable _owner;

    private SnapshotLine(QmpClient qmp, IAsyncDisposable owner) => (Qmp, _owner) = (qmp, owner);

    public QmpClient Qmp { get; }

    /// <exception cref="Errors.MomentException">ChangedContentGone: that process has ended.</exception>
    public static async Task<SnapshotLine> OpenAsync(DomainPlace place, DomainDocument domain, BlockSnapshotRecord record, CancellationToken cancellation)
    {
        if (record.Daemon is { } recorded)
        {
            ServingDaemon daemon = await ServingDaemon.FindAsync(recorded, cancellation, BlockAccess.Read) ?? throw OperationErrors.InstantGone(place.Name, record.Name);
            return new SnapshotLine(daemon.Qmp, daemon);
        }

        if ((await MachineProbe.RunAsync(place, domain, cancellation)).State == VMState.Stopped)
            throw OperationErrors.InstantGone(place.Name, record.Name);
        BlockSession session = await BlockSession.OpenAsync(place, domain, [], BlockAccess.Read, cancellation);
        if (session.IsMachine)
            return new SnapshotLine(session.Qmp, session);
        await session.DisposeAsync();
        throw OperationErrors.InstantGone(place.Name, record.Name);
    }

    public ValueTask DisposeAsync() => _owner.DisposeAsync();
}
