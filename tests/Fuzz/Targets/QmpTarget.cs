using System.Text;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Tests.Qmp;

namespace MomentTools.Fuzz.Targets;

/// <summary>A conversation with a monitor: the greeting, replies, events and an error, damaged; the client fails as it promises, soon, and within its memory.</summary>
internal sealed class QmpTarget : IFuzzTarget
{
    private const int Bound = 16 << 10;

    private static readonly string[] Conversation =
    [
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}""",
        """{"return": {}, "id": 1}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "JOB_STATUS_CHANGE", "data": {"status": "created", "id": "j"}}""" + "\r\n"
            + """{"return": [{"id": "j", "type": "backup", "status": "running", "current-progress": 1, "total-progress": 2}], "id": 2}""",
        """{"return": [{"node-name": "d0", "drv": "qcow2", "file": "/x", "ro": false, "image": {"virtual-size": 512}, "dirty-bitmaps": """
            + """[{"name": "b\u00fc", "count": 0, "granularity": 512, "recording": true, "busy": true, "persistent": false}]}], "id": 3}""",
        """{"return": [{"device": "", "qdev": "vd0", "inserted": {"node-name": "d0", "drv": "raw", "file": "ü", "ro": true, "image": {"virtual-size": 1}}}], "id": 4}""",
        """{"id": 5, "error": {"class": "GenericError", "desc": "no"}}""",
    ];

    private static readonly byte[][] Poison = [.. new[]
    {
        "\\ud800", "\\u001b[2J", "\0", "\"", "\\", "{", "}", "[", "]", ",", ":", "-1", "1e999", "99999999999999999999", "null", "\r\n", "id", "\"error\":1,", "\"event\":\"X\",",
        new string('[', 2000), new string('x', Bound + 1),
    }.Select(Encoding.UTF8.GetBytes), [0xFF], [0xC3]];

    private static readonly QmpOptions Options = new() { GreetingTimeout = TimeSpan.FromMilliseconds(100), MaxReplyBytes = Bound };

    public string Name => "qmp";

    public int Inputs => 3000;

    public long MostBytes => 512 << 10;

    public int Together => 100;

    /// <summary>The conversation as it is.</summary>
    public static FuzzInput Sound { get; } = new([.. Conversation.Select(part => Encoding.UTF8.GetBytes(part + "\r\n"))]);

    public FuzzInput Make(Random random)
    {
        byte[][] script = [.. Sound.Parts];
        for (int hits = random.Next(1, 4); hits > 0; hits--)
        {
            // The handshake is damaged seldom: it is short, and what comes after would not be reached.
            int part = random.Next(10) == 0 ? random.Next(2) : random.Next(2, script.Length);
            script[part] = random.Next(2) == 0 && Conversation[part].IndexOf('\n', StringComparison.Ordinal) < 0
                ? Encoding.UTF8.GetBytes(JsonDamage.Of(Conversation[part], random) + "\r\n")
                : Hit(script[part], script, random);
        }

        // The last part says in how small pieces it comes.
        return new FuzzInput([.. script, [(byte)random.Next(4)]]);
    }

    public async Task<bool> ReadAsync(FuzzInput input)
    {
        int piece = input.Parts[^1][0] switch { 0 => 1, 1 => 7, 2 => 100, _ => 100_000 };
        Exception?[] ends = await TalkAsync([.. input.Parts.Take(input.Parts.Count - 1)], piece);
        foreach (Exception failure in ends.OfType<Exception>())
        {
            if (failure is not MomentException)
                throw new FuzzFailure(failure.ToString());
        }

        // The last command is refused by the sound conversation, too.
        return ends.Length > 1 && ends[..^1].All(end => end is null) ? true
            : throw ends.OfType<MomentException>().First();
    }

    public void Dispose()
    {
    }

    /// <summary>What each of the questions ended in, or the one failure of the handshake; null for an answer.</summary>
    public static async Task<Exception?[]> TalkAsync(byte[][] script, int piece, QmpOptions? options = null)
    {
        QmpClient qmp;
        try
        {
            qmp = await QmpClient.OverAsync(new ScriptedStream(script, piece), "scripted", CancellationToken.None, options ?? Options);
        }
        catch (Exception failure)
        {
            return [failure];
        }

        await using (qmp)
        {
            using QmpEvents events = qmp.Subscribe("JOB_STATUS_CHANGE");
            Task[] waits =
            [
                qmp.QueryJobsAsync(CancellationToken.None), qmp.QueryNamedBlockNodesAsync(CancellationToken.None), qmp.QueryBlockAsync(CancellationToken.None),
                SaysAsync(events), qmp.StopAsync(CancellationToken.None),
            ];
            await Task.WhenAll(waits).ContinueWith(_ => { }, TaskScheduler.Default);
            await qmp.Closed;
            return [.. waits.Select(wait => wait.Exception?.InnerException ?? (wait.IsCanceled ? new TaskCanceledException(wait) : null))];
        }
    }

    private static async Task SaysAsync(QmpEvents events) => (await events.NextAsync(CancellationToken.None)).Says("id", "j");

    private static byte[] Hit(byte[] part, byte[][] script, Random random)
    {
        int at = part.Length == 0 ? 0 : random.Next(part.Length);
        int end = Math.Min(part.Length, at + random.Next(1, 40));
        byte[] poison = Poison[random.Next(Poison.Length)];
        return random.Next(7) switch
        {
            0 => [.. part[..at], (byte)random.Next(256), .. part[Math.Min(part.Length, at + 1)..]],
            1 => [.. part[..at], .. part[end..]],
            2 => [.. part[..at], .. poison, .. part[at..]],
            3 => [.. part[..at], .. poison, .. part[end..]],
            4 => [.. part[..end], .. part[at..]],
            5 => part[..at],
            _ => [.. part, .. script[random.Next(script.Length)]],
        };
    }
}
