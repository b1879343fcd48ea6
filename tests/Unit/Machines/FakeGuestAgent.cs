using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace MomentTools.Tests.Machines;

/// <summary>
/// The other end of a guest agent's channel, on a real Unix socket: as QEMU does, it accepts one client after the other; as qemu-ga does, it
/// forgets half a command at 0xFF and answers one command after the other.
/// </summary>
internal sealed class FakeGuestAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _serving;

    public FakeGuestAgent(string path)
    {
        File.Delete(path);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
        _serving = Task.Run(ServeAsync);
    }

    public bool Frozen { get; private set; }

    public int FileSystems { get; set; } = 2;

    /// <summary>The commands, in order.</summary>
    public List<string> Heard { get; } = [];

    /// <summary>Sent to each client before it has said anything.</summary>
    public byte[] Greeting { get; init; } = [];

    /// <summary>How many bytes go over the wire at a time.</summary>
    public int Piece { get; init; } = int.MaxValue;

    /// <summary>What is said in place of the usual answer to a command; null says nothing.</summary>
    public Func<string, string, CancellationToken, Task<string?>> Answer { get; set; } = (_, usual, _) => Task.FromResult<string?>(usual);

    /// <summary>Whether anything but connections is ever noticed.</summary>
    public bool Dead { get; init; }

    public static string Error(string errorClass, string words) => $$"""{"error": {"class": "{{errorClass}}", "desc": "{{words}}"} }""";

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _serving;
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                using Socket client = await _listener.AcceptAsync(_end.Token);
                await using var stream = new NetworkStream(client);
                await ServeAsync(stream);
            }
            catch (Exception gone) when (gone is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // The client went, or the test ended.
            }
        }
    }

    private async Task ServeAsync(NetworkStream stream)
    {
        await SendAsync(stream, Greeting);
        List<byte> line = [];
        byte[] buffer = new byte[4096];
        for (int read; (read = await stream.ReadAsync(buffer, _end.Token)) > 0;)
        {
            foreach (byte one in Dead ? [] : buffer[..read])
            {
                if (one == 0xFF)
                    line.Clear();
                else if (one != '\n')
                    line.Add(one);
                else
                {
                    string command = Encoding.UTF8.GetString([.. line]);
                    line.Clear();
                    if (await ExecuteAsync(command) is { } answer)
                        await SendAsync(stream, answer);
                }
            }
        }
    }

    private async Task<byte[]?> ExecuteAsync(string text)
    {
        JsonElement json = JsonDocument.Parse(text).RootElement;
        string command = json.GetProperty("execute").GetString()!;
        lock (Heard)
            Heard.Add(command);
        string usual = command switch
        {
            "guest-sync-delimited" => $$"""{"return": {{json.GetProperty("arguments").GetProperty("id")}}}""",
            "guest-fsfreeze-status" => $$"""{"return": "{{(Frozen ? "frozen" : "thawed")}}"}""",
            "guest-fsfreeze-freeze" => $$"""{"return": {{FileSystems}}}""",
            "guest-fsfreeze-thaw" => $$"""{"return": {{(Frozen ? FileSystems : 0)}}}""",
            _ => Error("CommandNotFound", $"The command {command} has not been found"),
        };
        string? answer = await Answer(command, usual, _end.Token);
        // A command that is refused does nothing; one whose answer is lost does.
        if (answer?.Contains("error", StringComparison.Ordinal) != true)
            Frozen = command switch { "guest-fsfreeze-freeze" => true, "guest-fsfreeze-thaw" => false, _ => Frozen };
        return answer is null ? null : [.. command == "guest-sync-delimited" ? (byte[])[0xFF] : [], .. Encoding.UTF8.GetBytes(answer + "\n")];
    }

    private async Task SendAsync(NetworkStream stream, byte[] bytes)
    {
        foreach (byte[] piece in bytes.Chunk(Math.Min(Piece, 1 << 16)))
        {
            await stream.WriteAsync(piece, _end.Token);
            if (Piece < bytes.Length)
                await Task.Delay(1, _end.Token);
        }
    }
}
