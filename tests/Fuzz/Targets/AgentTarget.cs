using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz.Targets;

/// <summary>What a guest's agent says: the guest is the stranger here. Its answers are damaged, cut and repeated; the id of the first one is the right one mostly.</summary>
internal sealed class AgentTarget : IFuzzTarget
{
    private const string Id = "4711";

    private static readonly string[] Answers = ["""{"return": 4711}""", """{"return": "thawed"}""", """{"return": 3}""", """{"return": 4711}""", """{"return": 3}"""];

    private readonly ScratchDirectory _scratch = new();
    private int _count;

    public string Name => "agent";

    public int Inputs => 200;

    public long MostBytes => 2 << 20;

    public int Together => 50;

    public FuzzInput Make(Random random)
    {
        string[] answers = [.. Answers];
        int number = random.Next(answers.Length);
        answers[number] = random.Next(10) switch
        {
            0 => new string('x', random.Next(200_000)),
            1 => """{"error": {"class": "CommandNotFound", "desc": "\u001b[2J no"}}""",
            2 => answers[number] + "\n" + answers[random.Next(answers.Length)],
            _ => JsonDamage.Of(answers[number], random),
        };
        return new FuzzInput([.. answers.Select((answer, index) => (byte[])[.. index is 0 or 3 && random.Next(20) > 0 ? [0xFF] : Array.Empty<byte>(), .. Encoding.UTF8.GetBytes(answer + "\n")])]);
    }

    public async Task<bool> ReadAsync(FuzzInput input)
    {
        string path = _scratch[$"{Interlocked.Increment(ref _count)}"];
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        Task serving = ServeAsync(listener, input.Parts);
        try
        {
            var options = new GuestAgentOptions { AnswerTimeout = TimeSpan.FromMilliseconds(200), FreezeTimeout = TimeSpan.FromMilliseconds(200), ThawTimeout = TimeSpan.FromMilliseconds(200) };
            await using GuestAgent agent = await GuestAgent.ConnectAsync("web1", path, options, CancellationToken.None);
            await agent.IsFrozenAsync(CancellationToken.None);
            FuzzFailure.When(await agent.FreezeAsync(CancellationToken.None) < 0 || await agent.ThawAsync(CancellationToken.None) < 0, "a number of file systems is negative");
            return true;
        }
        finally
        {
            listener.Dispose();
            await serving;
            File.Delete(path);
        }
    }

    public void Dispose() => _scratch.Dispose();

    // An answer to each command, and then it hangs up; thawing begins with a command of its own.
    private static async Task ServeAsync(Socket listener, IReadOnlyList<byte[]> answers)
    {
        try
        {
            using Socket client = await listener.AcceptAsync();
            await using var stream = new NetworkStream(client);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            foreach (byte[] answer in answers)
            {
                if (await reader.ReadLineAsync() is not { } line)
                    return;
                string? id = JsonNode.Parse(line.TrimStart('\u00ff'))?["arguments"]?["id"]?.ToString();
                await stream.WriteAsync(id is null ? answer : Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(answer).Replace(Id, id, StringComparison.Ordinal)));
            }
        }
        catch (Exception failure) when (failure is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The other side had enough.
        }
    }
}
