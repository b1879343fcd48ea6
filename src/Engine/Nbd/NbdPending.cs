using System.Diagnostics;
using MomentTools.Errors;

namespace MomentTools.Nbd;

/// <summary>The requests that wait for replies, by cookie, each holding one of the slots that bound their number.</summary>
internal sealed class NbdPending(NbdEndpoint endpoint, bool writable, SemaphoreSlim slots)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, NbdRequest> _requests = [];
    private ulong _lastCookie;
    private long _waitingSince;
    private Exception? _death;

    public int Count
    {
        get
        {
            lock (_gate)
                return _requests.Count;
        }
    }

    /// <summary>Since when requests have been waiting without a break, as a <see cref="Stopwatch"/> time stamp; null if none does.</summary>
    public long? WaitingSince
    {
        get
        {
            lock (_gate)
                return _requests.Count == 0 ? null : _waitingSince;
        }
    }

    /// <summary>Waits for a free slot and gives the request its cookie. The slot is held until the reply is whole, awaited or not.</summary>
    public async Task AddAsync(NbdRequest request, CancellationToken cancellation)
    {
        await slots.WaitAsync(cancellation);
        lock (_gate)
        {
            if (_death is null)
            {
                if (_requests.Count == 0)
                    _waitingSince = Stopwatch.GetTimestamp();
                request.Cookie = ++_lastCookie;
                _requests.Add(request.Cookie, request);
                return;
            }
        }

        slots.Release();
        throw NbdErrors.NotSent(endpoint, _death);
    }

    public NbdRequest Find(ulong cookie)
    {
        lock (_gate)
        {
            return _requests.TryGetValue(cookie, out NbdRequest? request) ? request
                : throw NbdErrors.Violation(endpoint, $"a reply bears the cookie {cookie}, which no request waits for");
        }
    }

    public void Remove(NbdRequest request)
    {
        lock (_gate)
        {
            // Whoever takes it out frees its slot: it may have failed with the connection meanwhile.
            if (!_requests.Remove(request.Cookie))
                return;
        }

        slots.Release();
    }

    /// <summary>Fails every request that waits, and every later one, with the reason for which the connection ended.</summary>
    public void FailAll(Exception reason)
    {
        NbdRequest[] waiting;
        lock (_gate)
        {
            _death = reason;
            waiting = [.. _requests.Values];
            _requests.Clear();
        }

        int? writes = writable ? waiting.Count(request => request.Changes) : null;
        MomentException Lost() => NbdErrors.ConnectionLost(endpoint, reason, writes);
        foreach (NbdRequest request in waiting)
        {
            request.Fail(Lost());
            slots.Release();
        }
    }
}
