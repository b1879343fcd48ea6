using System.Runtime.ExceptionServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>
/// One link to a QMP monitor of QEMU or of its storage daemon. Any number of callers may send commands at once:
/// one loop receives, and gives each reply to the command with its id and each event to every listener.
/// </summary>
internal sealed class QmpClient : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly QmpOptions _options;
    private readonly QmpMessageReader _reader;
    private readonly QmpPendingCommands _pending;
    private readonly QmpEventHub _events;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly CancellationTokenSource _life = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _receiving;
    // Of the receiving thread alone.
    private bool _answered;
    private long _lastId;

    private QmpClient(Stream stream, string name, QmpOptions options)
    {
        _stream = stream;
        _options = options;
        Name = name;
        _reader = new QmpMessageReader(stream, options.MaxReplyBytes);
        _pending = new QmpPendingCommands(name);
        _events = new QmpEventHub(name, options.MaxReplyBytes);
    }

    /// <summary>The monitor's address, for messages.</summary>
    public string Name { get; }

    /// <summary>Where its monitor listens; null where it dialled us.</summary>
    public QmpAddress? Address { get; private set; }

    /// <summary>The process at the other end of a Unix socket, as the system knows it: who connected, or who made the socket listen.</summary>
    public int? PeerProcessId => QmpConnector.PeerOf(_stream);

    /// <summary>QEMU's version, as its greeting said.</summary>
    public QmpVersion Version { get; private set; } = new(0, 0, 0, "");

    /// <summary>Completes, never fails, when the link is gone and every waiter has been told.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Connects, waits for the greeting and enters command mode (<c>qmp_capabilities</c>).</summary>
    public static async Task<QmpClient> ConnectAsync(QmpAddress address, CancellationToken cancellation, QmpOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        options ??= QmpOptions.Default;
        Stream stream = await QmpConnector.OpenAsync(address, options.GreetingTimeout, cancellation);
        QmpClient client = await OverAsync(stream, address.ToString(), cancellation, options);
        client.Address = address;
        return client;
    }

    /// <summary>Does the same over a stream that is there already; the stream is the client's from now on, also when this fails.</summary>
    public static async Task<QmpClient> OverAsync(Stream stream, string name, CancellationToken cancellation, QmpOptions? options = null)
    {
        var client = new QmpClient(stream, name, options ?? QmpOptions.Default);
        try
        {
            await client.NegotiateAsync(cancellation);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Sends one command and waits for its reply. Cancelling ends the wait, not the command: QEMU may carry it out all
    /// the same, and its late reply is dropped.
    /// </summary>
    /// <returns>The value of <c>return</c>.</returns>
    /// <exception cref="MomentException">
    /// <c>QmpCommandFailed</c>: QEMU refused. <c>QmpConnectionLost</c>: the link broke; the inner exception is the reason.
    /// </exception>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellation)
    {
        IReadOnlyList<Task<JsonElement>> replies = await ExecuteTogetherAsync([(command, arguments)], cancellation);
        return await replies[0].WaitAsync(cancellation);
    }

    /// <summary>
    /// Sends several commands in one piece and gives their replies in the same order, each of which may be a refusal. QEMU does one after the
    /// other and waits for nothing of ours between them: for what must be short. It does all of them, whatever becomes of the first.
    /// </summary>
    public async Task<IReadOnlyList<Task<JsonElement>>> ExecuteTogetherAsync(IReadOnlyList<(string Name, JsonObject? Arguments)> commands, CancellationToken cancellation)
    {
        await _sending.WaitAsync(cancellation);
        List<(long Id, Task<JsonElement> Reply)> sent = [];
        using var lines = new MemoryStream();
        try
        {
            foreach ((string name, JsonObject? arguments) in commands)
            {
                long id = Interlocked.Increment(ref _lastId);
                lines.Write(QmpWire.WriteCommand(id, name, arguments));
                sent.Add((id, _pending.Add(id, name)));
            }
        }
        catch
        {
            _sending.Release();
            throw;
        }

        // Once begun, they are sent to the end: half a command would spoil all that follow.
        _ = SendAsync([.. sent.Select(one => one.Id)], lines.ToArray());
        return [.. sent.Select(one => one.Reply)];
    }

    /// <summary>Opens a listener for these events, or for all where none is named. Dispose it to end it.</summary>
    public QmpEvents Subscribe(params string[] names) => _events.Open(names);

    /// <summary>Closes the link; what still waits fails with <c>QmpConnectionLost</c>. QEMU and its jobs go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _life.CancelAsync();
        if (_receiving)
            await Closed;
        else
            await EndAsync(new ObjectDisposedException(nameof(QmpClient)));
    }

    private async Task NegotiateAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_options.GreetingTimeout);
        try
        {
            Version = await ReadGreetingAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw QmpErrors.Busy(Name);
        }
        catch (Exception failure) when (failure is JsonException or InvalidDataException or MomentException)
        {
            throw QmpErrors.Garbage(Name, $"its greeting cannot be read, {Excerpt.Of(failure.Message)}", failure);
        }
        catch (IOException failure)
        {
            throw QmpErrors.ConnectionLost(Name, "The wait for the greeting", failure);
        }

        _receiving = true;
        _ = Task.Run(ReceiveAsync, CancellationToken.None);
        try
        {
            await ExecuteAsync("qmp_capabilities", null, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw QmpErrors.Silent(Name, _options.GreetingTimeout);
        }
        catch (MomentException failure) when (failure.InnerException is MomentException)
        {
            ExceptionDispatchInfo.Throw(failure.InnerException);
        }
    }

    private async Task<QmpVersion> ReadGreetingAsync(CancellationToken cancellation)
    {
        while (true)
        {
            ReadOnlyMemory<byte> message = await _reader.ReadAsync(cancellation);
            if (message.IsEmpty)
                throw new EndOfStreamException("the other side closed the connection");
            Trace(QmpDirection.FromQemu, message.Span);
            using JsonDocument document = QmpWire.Parse(message);
            var root = new QmpValue("greeting", document.RootElement);
            // QEMU sends events to a monitor that was in command mode for its last client until it has greeted the next.
            if (root.Find("event") is null)
                return QmpVersion.Read(root["QMP"]["version"]);
        }
    }

    private async Task SendAsync(long[] ids, byte[] lines)
    {
        try
        {
            TraceSent(lines);
            await _stream.WriteAsync(lines, _life.Token);
            await _stream.FlushAsync(_life.Token);
        }
        catch (Exception failure)
        {
            // The receive loop meets the end of the link by itself, after the replies that did arrive.
            foreach (long id in ids)
                _pending.FailOne(id, failure);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReceiveAsync()
    {
        Exception reason;
        try
        {
            ReadOnlyMemory<byte> message;
            while (!(message = await _reader.ReadAsync(_life.Token)).IsEmpty)
                Take(message);
            reason = new EndOfStreamException("the other side closed the connection");
        }
        catch (Exception failure)
        {
            reason = failure switch
            {
                _ when _life.IsCancellationRequested => new ObjectDisposedException(nameof(QmpClient), "this side closed the connection"),
                JsonException or InvalidDataException => QmpErrors.Garbage(Name, Excerpt.Of(failure.Message), failure),
                _ => failure,
            };
        }

        await EndAsync(reason);
    }

    private void Take(ReadOnlyMemory<byte> message)
    {
        Trace(QmpDirection.FromQemu, message.Span);
        using JsonDocument document = QmpWire.Parse(message);
        var root = new QmpValue("a message", document.RootElement);
        if (root.Find("event") is not null)
            _events.Publish(QmpEvent.Read(root), message.Length);
        // QEMU greets twice whoever connects while it opens the monitor. Later a greeting would be another session's.
        else if (!_answered && root.Find("QMP") is not null)
            return;
        else if (root.Find("error") is QmpValue error)
            TakeError(root, error["class"].Text, error["desc"].Text);
        else if (root.Find("return") is QmpValue value)
            TakeReturn(root["id"], value.Element);
        else
            throw QmpErrors.Garbage(Name, "a message is neither a reply nor an event");
    }

    private void TakeReturn(QmpValue id, JsonElement value)
    {
        _answered = true;
        if (id.Element.ValueKind == JsonValueKind.Number && id.Element.TryGetInt64(out long number))
            _pending.Complete(number, value);
    }

    private void TakeError(QmpValue root, string errorClass, string description)
    {
        if (root.Find("id") is not QmpValue id)
        {
            if (!_pending.TryRefuseOnly(errorClass, description))
                throw QmpErrors.Garbage(Name, $"it answered one of several commands with an error without an id: {description}");
        }
        else if (id.Element.ValueKind == JsonValueKind.Number && id.Element.TryGetInt64(out long number))
        {
            _pending.Refuse(number, errorClass, description);
        }
    }

    private async Task EndAsync(Exception reason)
    {
        await _life.CancelAsync();
        _pending.FailAll(reason);
        _events.Break(reason);
        try
        {
            await _stream.DisposeAsync();
        }
        finally
        {
            _closed.TrySetResult();
        }
    }

    private void TraceSent(byte[] lines)
    {
        if (_options.Trace is null)
            return;
        foreach (Range line in lines.AsSpan(0, lines.Length - 1).Split((byte)'\n'))
            Trace(QmpDirection.ToQemu, lines.AsSpan(line));
    }

    private void Trace(QmpDirection direction, ReadOnlySpan<byte> text)
    {
        if (_options.Trace is not { } trace)
            return;
        string line = Encoding.UTF8.GetString(text);
        trace(new QmpTraceLine(direction, DateTimeOffset.UtcNow, direction == QmpDirection.ToQemu ? QmpSecrets.Hide(line) : line));
    }
}
