using System.Text.Json;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>
/// The commands that were sent and wait for their reply, by id. A caller that gives up leaves its entry behind,
/// so that the late reply finds its place and is dropped there.
/// </summary>
internal sealed class QmpPendingCommands(string name)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Pending> _waiting = [];
    private Exception? _lost;

    private sealed record Pending(string Command, TaskCompletionSource<JsonElement> Reply);

    /// <summary>Gives the place where the reply will appear. Call this before the command is sent.</summary>
    public Task<JsonElement> Add(long id, string command)
    {
        var pending = new Pending(command, new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            if (_lost is not null)
                throw Lost(command, _lost);
            _waiting.Add(id, pending);
        }

        return pending.Reply.Task;
    }

    /// <summary>Hands a <c>return</c> to its waiter; an id that nothing waits for is dropped, as the specification asks.</summary>
    public void Complete(long id, JsonElement value)
    {
        if (Take(id) is Pending pending)
            pending.Reply.TrySetResult(value.Clone());
    }

    /// <summary>Hands an <c>error</c> to its waiter.</summary>
    public void Refuse(long id, string errorClass, string description)
    {
        if (Take(id) is Pending pending)
            Fail(pending, QmpErrors.CommandFailed(name, pending.Command, errorClass, description));
    }

    /// <summary>
    /// Hands an <c>error</c> without an id (QEMU could not read what it was sent) to the one command that waits;
    /// false where several wait, because then nobody can say whose it is.
    /// </summary>
    public bool TryRefuseOnly(string errorClass, string description)
    {
        Pending? only;
        lock (_lock)
        {
            if (_waiting.Count > 1)
                return false;
            only = _waiting.Values.FirstOrDefault();
            _waiting.Clear();
        }

        if (only is not null)
            Fail(only, QmpErrors.CommandFailed(name, only.Command, errorClass, description));
        return true;
    }

    /// <summary>Fails one command that could not be sent.</summary>
    public void FailOne(long id, Exception reason)
    {
        if (Take(id) is Pending pending)
            Fail(pending, Lost(pending.Command, reason));
    }

    /// <summary>Fails everything that waits and everything that comes later: the link is gone.</summary>
    public void FailAll(Exception reason)
    {
        Pending[] all;
        lock (_lock)
        {
            _lost ??= reason;
            all = [.. _waiting.Values];
            _waiting.Clear();
        }

        foreach (Pending pending in all)
            Fail(pending, Lost(pending.Command, reason));
    }

    private static void Fail(Pending pending, MomentException failure)
    {
        // Looking at Exception marks it as seen: an abandoned wait is nobody's unobserved failure.
        if (pending.Reply.TrySetException(failure))
            _ = pending.Reply.Task.Exception;
    }

    private Pending? Take(long id)
    {
        lock (_lock)
            return _waiting.Remove(id, out Pending? pending) ? pending : null;
    }

    private MomentException Lost(string command, Exception reason) => QmpErrors.ConnectionLost(name, $"The command '{command}'", reason);
}
