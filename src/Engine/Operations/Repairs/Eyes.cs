using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Repairs;

/// <summary>How a repair sees the disks: through the running machine, or in the files of a stopped one, which are opened only to be changed.</summary>
internal sealed class Eyes : IAsyncDisposable
{
    private readonly DomainPlace _place;
    private readonly DomainDocument _domain;
    private readonly MomentStore _store;
    private readonly BlockAccess _access;
    private BlockSession? _session;

    private Eyes(DomainPlace place, DomainDocument domain, MomentStore store, BlockAccess access, bool stored)
    {
        _place = place;
        _domain = domain;
        _store = store;
        _access = access;
        Stored = stored;
    }

    /// <summary>Whether the machine is stopped, so that its files are the truth.</summary>
    public bool Stored { get; }

    public static async Task<Eyes> OpenAsync(
        DomainPlace place, DomainDocument domain, MomentStore store, IReadOnlyList<VMMomentFinding> findings, BlockAccess access, CancellationToken cancellation)
    {
        bool runs = findings.Any(finding => finding.Disk is not null || finding.File is not null) && (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        return new Eyes(place, domain, store, access, !runs);
    }

    public async Task<DiskSight> LookAsync(DomainMoments state, string disk, CancellationToken cancellation)
    {
        if (Stored)
            return await DiskSight.StoredAsync(_domain, state, disk, _store.Segments, cancellation);
        BlockSession session = await SessionAsync([disk], cancellation);
        return DiskSight.Live((await SessionView.ReadAsync(session, state, cancellation))[disk]);
    }

    /// <summary>A session with these disks at least.</summary>
    public async Task<BlockSession> SessionAsync(IReadOnlyCollection<string> disks, CancellationToken cancellation)
    {
        if (_session is { } open && disks.All(open.Disks.ContainsKey))
            return open;
        string[] wanted = [.. disks.Union(_session?.Disks.Keys ?? [], StringComparer.Ordinal)];
        await DisposeAsync();
        return _session = await BlockSession.OpenAsync(_place, _domain, wanted, _access, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        BlockSession? session = _session;
        _session = null;
        if (session is not null)
            await session.DisposeAsync();
    }
}
