using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;

namespace MomentTools.Machines;

/// <summary>
/// A line to QEMU's guest agent (QAPI of qemu-ga). The channel remembers nothing of who used it before: each conversation begins with
/// <c>guest-sync-delimited</c> and an id of its own, which tells fresh answers from late ones. One command at a time.
/// </summary>
internal sealed class GuestAgent : IAsyncDisposable
{
    public const string SyncCommand = "guest-sync-delimited";

    private const string FreezeCommand = "guest-fsfreeze-freeze";
    private const string ThawCommand = "guest-fsfreeze-thaw";
    private const string StatusCommand = "guest-fsfreeze-status";

    private readonly string _vm;
    private readonly string _path;
    private readonly GuestAgentOptions _options;
    private readonly NetworkStream _stream;
    private readonly GuestAgentReader _reader;

    private GuestAgent(string vm, string path, GuestAgentOptions options, NetworkStream stream)
    {
        _vm = vm;
        _path = path;
        _options = options;
        _stream = stream;
        _reader = new GuestAgentReader(stream);
    }

    /// <summary>Connects, and makes sure that an agent answers.</summary>
    /// <param name="vm">The machine, for messages.</param>
    /// <param name="path">The channel's socket.</param>
    /// <param name="options">How long to wait.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public static async Task<GuestAgent> ConnectAsync(string vm, string path, GuestAgentOptions options, CancellationToken cancellation)
    {
        var agent = new GuestAgent(vm, path, options, await OpenAsync(vm, path, options.AnswerTimeout, cancellation));
        try
        {
            long id = NextId();
            await agent.SendAsync(SyncCommand, Sync(id), options.AnswerTimeout, cancellation);
            await agent.SynchronizeAsync(id, options.AnswerTimeout, cancellation);
            return agent;
        }
        catch
        {
            await agent.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether the guest's file systems are frozen already, by whomever (<c>guest-fsfreeze-status</c>).</summary>
    public async Task<bool> IsFrozenAsync(CancellationToken cancellation)
    {
        JsonElement status = await ExecuteAsync(StatusCommand, _options.AnswerTimeout, cancellation);
        try
        {
            return status.GetString() is { } word ? word == "frozen" : throw GuestAgentErrors.Garbage(_vm, StatusCommand, "the state is not a word");
        }
        catch (InvalidOperationException failure)
        {
            // No text, or text that is no Unicode.
            throw GuestAgentErrors.Garbage(_vm, StatusCommand, "the state is not a word", failure);
        }
    }

    /// <summary>Writes out and freezes the guest's file systems (<c>guest-fsfreeze-freeze</c>); gives their number.</summary>
    public async Task<long> FreezeAsync(CancellationToken cancellation) =>
        Count(FreezeCommand, await ExecuteAsync(FreezeCommand, _options.FreezeTimeout, cancellation));

    /// <summary>
    /// Thaws them (<c>guest-fsfreeze-thaw</c>); gives their number, 0 where none was frozen. The command is under way before anything is
    /// waited for, so that an agent which is late with an answer thaws all the same.
    /// </summary>
    public async Task<long> ThawAsync(CancellationToken cancellation)
    {
        long id = NextId();
        await SendAsync(ThawCommand, [.. Sync(id), .. Command(ThawCommand, null)], _options.ThawTimeout, cancellation);
        await SynchronizeAsync(id, _options.ThawTimeout, cancellation);
        return Count(ThawCommand, await AnswerAsync(ThawCommand, _options.ThawTimeout, cancellation));
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private static async Task<NetworkStream> OpenAsync(string vm, string path, TimeSpan timeout, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), limit.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException or ArgumentOutOfRangeException)
        {
            socket.Dispose();
            cancellation.ThrowIfCancellationRequested();
            throw failure switch
            {
                // The short queue of a Unix socket is full: others are waiting there.
                OperationCanceledException or SocketException { SocketErrorCode: SocketError.WouldBlock } => GuestAgentErrors.Busy(vm, path, failure),
                SocketException { SocketErrorCode: SocketError.AccessDenied } => GuestAgentErrors.AccessDenied(vm, path, failure),
                // .NET has no name for ENOENT among socket errors and reports another one.
                SocketException when !File.Exists(path) => GuestAgentErrors.SocketMissing(vm, path, failure),
                _ => GuestAgentErrors.Unreachable(vm, path, failure),
            };
        }
    }

    private static long NextId() => RandomNumberGenerator.GetInt32(1, int.MaxValue);

    private static byte[] Command(string name, JsonObject? arguments)
    {
        var command = new JsonObject { ["execute"] = name };
        if (arguments is not null)
            command["arguments"] = arguments;
        return Encoding.UTF8.GetBytes(command.ToJsonString() + "\n");
    }

    // The delimiter in front makes the agent's parser forget half a command of an earlier client.
    private static byte[] Sync(long id) => [GuestAgentReader.Delimiter, .. Command(SyncCommand, new JsonObject { ["id"] = id })];

    private long Count(string command, JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Number && answer.TryGetInt64(out long count) && count >= 0 ? count
            : throw GuestAgentErrors.Garbage(_vm, command, "the number of file systems is missing");

    private async Task<JsonElement> ExecuteAsync(string command, TimeSpan timeout, CancellationToken cancellation)
    {
        await SendAsync(command, Command(command, null), timeout, cancellation);
        return await AnswerAsync(command, timeout, cancellation);
    }

    private Task<bool> SendAsync(string command, byte[] bytes, TimeSpan timeout, CancellationToken cancellation) => WithinAsync(command, timeout, async limit =>
    {
        await _stream.WriteAsync(bytes, limit);
        return true;
    }, cancellation);

    // Answers to others may come first, and an error for the half command that was forgotten: our id tells.
    private Task<bool> SynchronizeAsync(long id, TimeSpan timeout, CancellationToken cancellation) => WithinAsync(SyncCommand, timeout, async limit =>
    {
        while (await _reader.SkipToDelimiterAsync(limit))
        {
            string line = await _reader.ReadLineAsync(limit) ?? throw GuestAgentErrors.ConnectionLost(_vm, SyncCommand);
            if (TryParse(line) is { ValueKind: JsonValueKind.Object } answer && answer.TryGetProperty("return", out JsonElement said)
                && said.ValueKind == JsonValueKind.Number && said.TryGetInt64(out long got) && got == id)
                return true;
        }

        throw GuestAgentErrors.ConnectionLost(_vm, SyncCommand);
    }, cancellation);

    private Task<JsonElement> AnswerAsync(string command, TimeSpan timeout, CancellationToken cancellation) => WithinAsync(command, timeout, async limit =>
    {
        string line = await _reader.ReadLineAsync(limit) ?? throw GuestAgentErrors.ConnectionLost(_vm, command);
        if (TryParse(line) is not { ValueKind: JsonValueKind.Object } answer)
            throw GuestAgentErrors.Garbage(_vm, command, "it is not a JSON object");
        if (answer.TryGetProperty("return", out JsonElement value))
            return value;
        if (!answer.TryGetProperty("error", out JsonElement error) || error.ValueKind != JsonValueKind.Object)
            throw GuestAgentErrors.Garbage(_vm, command, "it is neither a return nor an error");
        throw GuestAgentErrors.CommandFailed(_vm, command, Text(error, "class"), Text(error, "desc") ?? "it did not say why");
    }, cancellation);

    private static string? Text(JsonElement element, string member) =>
        element.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonElement? TryParse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task<T> WithinAsync<T>(string command, TimeSpan timeout, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            return await work(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // Who was never accepted waits behind another client; an agent that is not there leaves the channel open.
            throw command == SyncCommand && GuestAgentChannel.IsWaitedFor(_path) ? GuestAgentErrors.Busy(_vm, _path) : GuestAgentErrors.Silent(_vm, command, timeout);
        }
        // The second is what is thrown for text that is no Unicode: the guest may send anything.
        catch (Exception failure) when (failure is InvalidDataException or InvalidOperationException)
        {
            throw GuestAgentErrors.Garbage(_vm, command, Excerpt.Of(failure.Message), failure);
        }
        catch (Exception failure) when (failure is IOException or SocketException)
        {
            throw GuestAgentErrors.ConnectionLost(_vm, command, failure);
        }
    }
}
