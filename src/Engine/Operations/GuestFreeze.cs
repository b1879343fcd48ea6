using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Holds a guest's file systems still around one instant (-Quiesce). Asked for and impossible is an error; a machine that stands still is
/// quiet by itself. The freeze has a journal of its own: whatever becomes of this process, the next changing command thaws.
/// </summary>
internal sealed class GuestFreeze : IAsyncDisposable
{
    public const string Operation = "quiesce";

    private readonly ChangeScope _scope;
    private readonly GuestAgentOptions _options;
    private readonly BlockSession? _standing;
    private readonly GuestAgent? _agent;
    private Journal? _journal;
    private long? _frozen;
    private long _since;

    private GuestFreeze(ChangeScope scope, GuestAgentOptions options, BlockSession? standing, GuestAgent? agent)
    {
        _scope = scope;
        _options = options;
        _standing = standing;
        _agent = agent;
    }

    /// <summary>Makes sure that the guest can be held still, and touches nothing.</summary>
    /// <param name="scope">The machine.</param>
    /// <param name="session">The line to its disks.</param>
    /// <param name="wanted">Whether it was asked for; if not, nothing is done here or later.</param>
    /// <param name="options">How long the agent may take.</param>
    /// <param name="report">Is told where the machine is quiet by itself.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public static async Task<GuestFreeze> PrepareAsync(
        ChangeScope scope, BlockSession session, bool wanted, GuestAgentOptions options, IOperationReport report, CancellationToken cancellation)
    {
        if (!wanted)
            return new GuestFreeze(scope, options, null, null);
        string vm = scope.Place.Name;
        if (!session.IsMachine)
        {
            report.Verbose($"'{vm}' is stopped: its disks are quiet.");
            return new GuestFreeze(scope, options, null, null);
        }

        QmpStatus status = await session.Qmp.QueryStatusAsync(cancellation);
        if (IsStanding(status))
        {
            report.Verbose($"'{vm}' is paused: nothing is written, so it counts as quiet. What its guest holds in memory is not on the disks.");
            return new GuestFreeze(scope, options, session, null);
        }

        if (!status.Running)
            throw OperationErrors.QuiesceState(vm, status.Status);
        string path = GuestAgentChannel.SocketOf(scope.Place, scope.Domain) ?? throw GuestAgentErrors.Missing(vm, scope.Domain.Monitor is not null);
        GuestAgent agent = await GuestAgent.ConnectAsync(vm, path, options, cancellation);
        try
        {
            if (await agent.IsFrozenAsync(cancellation))
                throw OperationErrors.AlreadyFrozen(vm);
            return new GuestFreeze(scope, options, null, agent);
        }
        catch
        {
            await agent.DisposeAsync();
            throw;
        }
    }

    /// <summary>Freezes all of them, does what belongs to the instant, and thaws them on every path.</summary>
    /// <exception cref="MomentException">A guest refused, or did not stay still to the end: then the instant is worth nothing.</exception>
    public static async Task HoldAsync(IReadOnlyList<GuestFreeze> guests, Func<Task> instant, IOperationReport report, CancellationToken cancellation)
    {
        List<MomentException> broken = [];
        try
        {
            // What must be known after our death is written before any guest stands still.
            foreach (GuestFreeze guest in guests)
                guest.Announce();
            await Task.WhenAll(guests.Select(guest => guest.FreezeAsync(cancellation)));
            await instant();
        }
        finally
        {
            IEnumerable<(MomentException? Broken, string? Note, string? Trouble)> ends = await Task.WhenAll(guests.Select(guest => guest.ThawAsync()));
            foreach ((MomentException? early, string? note, string? trouble) in ends)
            {
                if (note is not null)
                    report.Verbose(note);
                if (trouble is not null)
                    report.Warning(trouble);
                if (early is not null)
                    broken.Add(early);
            }
        }

        if (broken.Count > 0)
            throw broken[0];
    }

    /// <summary>After the death of a process that held a guest still: lets it go on. Where that fails it is told, and tried again by the next command.</summary>
    public static async Task ReleaseAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, IOperationReport report, CancellationToken cancellation)
    {
        try
        {
            // A guest that has been stopped or started since then is not frozen.
            if (GuestAgentChannel.SocketOf(place, domain) is { } path && (await MachineProbe.RunAsync(place, domain, cancellation)).State != VMState.Stopped)
            {
                await using GuestAgent agent = await GuestAgent.ConnectAsync(place.Name, path, GuestAgentOptions.Default, cancellation);
                if (await agent.ThawAsync(cancellation) is > 0 and long count)
                    report.Warning($"Thawed the file systems of '{place.Name}' ({count}): an operation that was interrupted {entry.Started.ToLocalTime():yyyy-MM-dd HH:mm} had left them frozen.");
            }

            Journal.Remove(entry.Path);
        }
        catch (MomentException failure)
        {
            report.Warning(StillFrozen(place.Name, failure));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        if (_agent is not null)
            await _agent.DisposeAsync();
    }

    private static bool IsStanding(QmpStatus status) => status is { Running: false, Status: "paused" or "prelaunch" or "suspended" or "postmigrate" };

    private static string StillFrozen(string vm, MomentException failure) =>
        $"The file systems of '{vm}' could not be thawed, and the guest may stand still: {failure.Message} The next command that changes '{vm}' tries again; in the guest, 'fsfreeze --unfreeze' does it.";

    private void Announce()
    {
        if (_agent is not null)
            _journal = _scope.BeginBeside(Operation, []);
    }

    private async Task FreezeAsync(CancellationToken cancellation)
    {
        if (_agent is null)
            return;
        _journal!.Pass("freeze");
        _since = Stopwatch.GetTimestamp();
        _frozen = await _agent.FreezeAsync(cancellation);
        _journal.Pass("frozen");
    }

    // Not cancelled, and after a freeze that failed as well: nobody knows how far the guest came.
    private async Task<(MomentException? Broken, string? Note, string? Trouble)> ThawAsync()
    {
        string vm = _scope.Place.Name;
        if (_standing is not null)
            return (await WokeAsync(_standing) ? OperationErrors.NotQuiet(vm, "it was paused, and ran again") : null, null, null);
        if (_journal is null)
            return default;
        try
        {
            long thawed = await _agent!.ThawAsync(CancellationToken.None);
            TimeSpan time = Stopwatch.GetElapsedTime(_since);
            _journal.Pass("thawed");
            _journal.End();
            _journal = null;
            return _frozen switch
            {
                null => default,
                0 => (null, null, $"The guest of '{vm}' has no file system that can be frozen."),
                > 0 when thawed == 0 => (OperationErrors.NotQuiet(vm, "its file systems had been thawed already"), null, null),
                _ => (null, $"{(_frozen == 1 ? "1 file system" : $"{_frozen} file systems")} of '{vm}' stood still for {time.TotalMilliseconds:0} ms.", null),
            };
        }
        catch (MomentException failure)
        {
            return (null, null, await ThawAnewAsync() ?? StillFrozen(vm, failure));
        }
    }

    // The line may be what broke, and not the agent.
    private async Task<string?> ThawAnewAsync()
    {
        try
        {
            string path = GuestAgentChannel.SocketOf(_scope.Place, _scope.Domain)!;
            await _agent!.DisposeAsync();
            await using GuestAgent agent = await GuestAgent.ConnectAsync(_scope.Place.Name, path, _options, CancellationToken.None);
            await agent.ThawAsync(CancellationToken.None);
            _journal!.End();
            _journal = null;
            return $"The file systems of '{_scope.Place.Name}' were thawed at the second attempt; how long they stood still is not known.";
        }
        catch (MomentException)
        {
            // The first failure is the one to be told.
            return null;
        }
    }

    private static async Task<bool> WokeAsync(BlockSession session)
    {
        try
        {
            return (await session.Qmp.QueryStatusAsync(CancellationToken.None)).Running;
        }
        catch (MomentException)
        {
            // A machine that died did not wake.
            return false;
        }
    }
}
