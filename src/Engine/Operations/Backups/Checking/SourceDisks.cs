using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// A machine's disks as they stand still: those of a stopped machine as they are, each read proven by its images' stamps; those of a running
/// one through a block snapshot that ends with this.
/// </summary>
internal sealed class SourceDisks : IAsyncDisposable
{
    private const string Command = "Test-VMBackup";

    private readonly EngineContext _context;
    private readonly DomainPlace _place;
    private readonly string? _snapshot;
    private readonly IOperationReport _report;

    private SourceDisks(EngineContext context, DomainPlace place, string? snapshot, IOperationReport report) =>
        (_context, _place, _snapshot, _report) = (context, place, snapshot, report);

    /// <param name="context">What operations work with.</param>
    /// <param name="place">The machine.</param>
    /// <param name="disks">The disks that will be asked for.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the opening; nothing is left then.</param>
    public static async Task<SourceDisks> OpenAsync(EngineContext context, DomainPlace place, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        DomainDocument domain = context.Catalogue.Load(place);
        if ((await MachineProbe.RunAsync(place, domain, cancellation)).State == VMState.Stopped)
            return new SourceDisks(context, place, null, report);
        var request = new CreateBlockSnapshotRequest { Disks = disks, OwnedBySession = true };
        using ChangeScope scope = await ChangeScope.OpenAsync(context, place.Name, Command, report, cancellation);
        BlockSnapshotRecord record = await new BlockSnapshotCreation(context).RunAsync(scope, request, ServiceOwner.From(ownedBySession: true, null, DateTimeOffset.UtcNow), report, cancellation);
        report.Verbose($"'{place.Name}' runs: its disks are compared as they are at the instant of block snapshot '{record.Name}'.");
        return new SourceDisks(context, place, record.Name, report);
    }

    /// <summary>What changed on a disk since a checkpoint, each link proven, and the content that it changed to.</summary>
    public async Task<DiskChanges> SinceAsync(string checkpoint, string disk, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = _snapshot is null
            ? await new ChangedBlocks(_context, Command).ReadAsync(_place.Name, checkpoint, null, [disk], _report, cancellation)
            : await new SnapshotChangedBlocks(_context).RunAsync(_place.Name, checkpoint, _snapshot, [disk], withKinds: true, withContent: true, _report, cancellation);
        return changes[0];
    }

    public async ValueTask DisposeAsync()
    {
        if (_snapshot is null)
            return;
        try
        {
            using ChangeScope scope = await ChangeScope.OpenAsync(_context, _place.Name, Command, _report, CancellationToken.None);
            await BlockSnapshotRemoval.RunAsync(scope, _snapshot, _report, CancellationToken.None);
        }
        catch (MomentException failure)
        {
            // What was found is worth more; it ends with this process besides.
            _report.Warning($"Block snapshot '{_snapshot}' of '{_place.Name}' could not be removed: {failure.Message} Remove-VMBlockSnapshot tries again.");
        }
    }
}
