using System.Buffers.Binary;
using MomentTools.Errors;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>
/// A request under way and what has come of its reply. Only the receive loop calls the Receive methods and
/// <see cref="Finish"/>; whoever waits calls <see cref="WaitAsync"/>.
/// </summary>
internal abstract class NbdRequest(NbdEndpoint endpoint, Command command, ulong offset, uint length)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private NbdServerError? _error;
    private int _errors;

    /// <summary>The number by which the server's reply is told apart; given when the request is registered.</summary>
    public ulong Cookie { get; set; }

    public ulong Offset => offset;

    public uint Length => length;

    /// <summary>The bytes that follow the request's header.</summary>
    public virtual ReadOnlyMemory<byte> Payload => default;

    /// <summary>Whether it changes what the export holds.</summary>
    public virtual bool Changes => false;

    protected virtual CommandFlags Flags => CommandFlags.None;

    public void Write(Span<byte> header)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)Flags);
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], (ushort)command);
        BinaryPrimitives.WriteUInt64BigEndian(header[8..], Cookie);
        BinaryPrimitives.WriteUInt64BigEndian(header[16..], offset);
        BinaryPrimitives.WriteUInt32BigEndian(header[24..], length);
    }

    /// <summary>Waits for the end of the reply. Cancelling abandons the wait; the reply is still consumed.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        await using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static (state, token) => ((NbdRequest)state!).Abandon(token), this);
        await _done.Task;
    }

    /// <summary>Takes a simple reply that tells of success, with the payload behind it.</summary>
    public virtual ValueTask ReceiveSimpleAsync(NbdStream stream, bool structuredReplies, CancellationToken cancellation) => ValueTask.CompletedTask;

    /// <summary>Takes the <paramref name="length"/> payload bytes of one content chunk.</summary>
    public virtual ValueTask ReceiveContentAsync(ReplyType type, uint length, NbdStream stream, CancellationToken cancellation) =>
        throw Violation($"{command} is answered with chunk type {(ushort)type}");

    /// <summary>Notes an error of the server; the first one is reported.</summary>
    public void Note(NbdServerError error)
    {
        if (error.Number == 0)
            throw Violation($"an error chunk in reply to {command} has the error number 0");
        if (error.Offset is { } at && (at < offset || at - offset >= length))
            throw Violation($"an error of {command} at offset {at} lies outside the {length} bytes at offset {offset} that were asked for");
        if (++_errors > NbdLimits.MaxErrorChunks)
            throw Violation($"{command} is answered with more than {NbdLimits.MaxErrorChunks} errors");
        _error ??= error;
    }

    /// <summary>Ends the request once its reply is whole.</summary>
    public void Finish()
    {
        if (_error is { } error)
        {
            Fail(NbdErrors.Failed(endpoint, command, offset, length, error));
            return;
        }

        Verify();
        _done.TrySetResult();
    }

    public void Fail(MomentException failure) => _done.TrySetException(failure);

    /// <summary>Refuses a reply that ended without all it must hold.</summary>
    protected virtual void Verify()
    {
    }

    protected virtual void Abandon(CancellationToken cancellation) => Cancel(cancellation);

    protected void Cancel(CancellationToken cancellation) => _done.TrySetCanceled(cancellation);

    protected MomentException Violation(string what) => NbdErrors.Violation(endpoint, what);
}
