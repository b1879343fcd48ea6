using System.Text;
using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

/// <summary>Conversations damaged in every way: the client fails as it promises, soon, and within its memory.</summary>
public sealed class QmpMutationTests
{
    private const int Bound = 16 << 10;
    private const int Batch = 200;

    // For a whole batch, on a machine that does much else; a conversation alone takes a millisecond.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly string[] Conversation =
    [
        FakeMonitor.Greeting + "\r\n",
        """{"return": {}, "id": 1}""" + "\r\n",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "JOB_STATUS_CHANGE", "data": {"status": "created", "id": "j"}}""" + "\r\n"
            + """{"return": [{"id": "j", "type": "backup", "status": "running", "current-progress": 1, "total-progress": 2}], "id": 2}""" + "\r\n",
        """{"return": [{"node-name": "d0", "drv": "qcow2", "file": "/x", "ro": false, "image": {"virtual-size": 512}, "dirty-bitmaps": """
            + """[{"name": "b\u00fc", "count": 0, "granularity": 512, "recording": true, "busy": true, "persistent": false}]}], "id": 3}""" + "\r\n",
        """{"return": [{"device": "", "qdev": "vd0", "inserted": {"node-name": "d0", "drv": "raw", "file": "ü", "ro": true, "image": {"virtual-size": 1}}}], "id": 4}"""
            + "\r\n",
        """{"id": 5, "error": {"class": "GenericError", "desc": "no"}}""" + "\r\n",
    ];

    private static readonly byte[][] Poison = [.. new[]
    {
        "\\ud800", "\0", "\"", "\\", "{", "}", "[", "]", ",", ":", "-1", "1e999", "99999999999999999999", "null", "\r\n", "id", "\"error\":1,", "\"event\":\"X\",",
        new string('[', 2000), new string('x', Bound + 1),
    }.Select(Encoding.UTF8.GetBytes), [0xFF], [0xC3]];

    // The handshake is damaged seldom: it is short, and what comes after would not be reached.
    private static readonly Gen<Mutation> Mutations =
        from part in Gen.Frequency((1, Gen.Choose(0, 1)), (15, Gen.Choose(2, Conversation.Length - 1)))
        from how in Gen.Choose(0, 6)
        from at in Gen.Choose(0, 10_000)
        from length in Gen.Choose(1, 40)
        from value in Gen.Choose(0, 255)
        select new Mutation(part, how, at, length, (byte)value);

    private static readonly Gen<(IReadOnlyList<Mutation> Damage, int Chunk)> Damages =
        from count in Gen.Choose(1, 4)
        from damage in Mutations.ListOf(count)
        from chunk in Gen.Elements(1, 7, 100, 100_000)
        select ((IReadOnlyList<Mutation>)[.. damage], chunk);

    private sealed record Mutation(int Part, int How, int At, int Length, byte Value);

    [Fact]
    public async Task UndamagedTheConversationSucceedsButForItsOneRefusal()
    {
        List<Exception?> ends = await TalkAsync([.. Conversation.Select(Encoding.UTF8.GetBytes)], 100);
        Assert.Equal([null, null, null, null, QmpErrors.QmpCommandFailed], ends.Select(end => (end as MomentException)?.ErrorId));
    }

    [Fact]
    public void DamagedConversationsEndInOurErrorsAndSoon()
    {
        int lost = 0;
        Property property = Prop.ForAll(Damages.ArrayOf(Batch).ToArbitrary(), batch =>
        {
            Task<List<Exception?>>[] talks = [.. batch.Select(damaged => Task.Run(() => TalkAsync(Script(damaged.Damage), damaged.Chunk)))];
            Assert.True(((IAsyncResult)Task.WhenAll(talks)).AsyncWaitHandle.WaitOne(Patience), "a conversation hangs");
            foreach (Exception? end in talks.SelectMany(talk => talk.GetAwaiter().GetResult()))
            {
                Assert.True(end is null or MomentException or OperationCanceledException, end?.ToString());
                if (end is MomentException { ErrorId.Name: nameof(QmpErrors.QmpConnectionLost) })
                    lost++;
            }
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(10_000 / Batch), property);
        Assert.True(lost > 1000, $"the damage must matter, and broke {lost} waits only");
    }

    [Fact]
    public async Task AMessageWithoutEndIsGivenUpAtTheBound()
    {
        var endless = new EndlessStream();
        MomentException failure = await Assert.ThrowsAsync<MomentException>(
            () => QmpClient.OverAsync(endless, "endless", CancellationToken.None, new QmpOptions { MaxReplyBytes = 1 << 20 }));
        Assert.Equal(QmpErrors.QmpProtocolViolation, failure.ErrorId);
        Assert.InRange(endless.Given, 1 << 20, (1 << 20) + (64 << 10));
    }

    private static async Task<List<Exception?>> TalkAsync(byte[][] script, int chunk)
    {
        var options = new QmpOptions { GreetingTimeout = TimeSpan.FromMilliseconds(100), MaxReplyBytes = Bound };
        QmpClient qmp;
        try
        {
            qmp = await QmpClient.OverAsync(new ScriptedStream(script, chunk), "scripted", CancellationToken.None, options);
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
            return [.. waits.Select(wait => wait.Exception?.InnerException)];
        }
    }

    private static async Task SaysAsync(QmpEvents events) => (await events.NextAsync(CancellationToken.None)).Says("id", "j");

    private static byte[][] Script(IEnumerable<Mutation> damage)
    {
        byte[][] script = [.. Conversation.Select(Encoding.UTF8.GetBytes)];
        foreach (Mutation one in damage)
            script[one.Part] = Apply(one, script);
        return script;
    }

    private static byte[] Apply(Mutation mutation, byte[][] script)
    {
        byte[] part = script[mutation.Part];
        int at = part.Length == 0 ? 0 : mutation.At % part.Length;
        int end = Math.Min(part.Length, at + mutation.Length);
        byte[] poison = Poison[mutation.Value % Poison.Length];
        return mutation.How switch
        {
            0 => [.. part[..at], mutation.Value, .. part[Math.Min(part.Length, at + 1)..]],
            1 => [.. part[..at], .. part[end..]],
            2 => [.. part[..at], .. poison, .. part[at..]],
            3 => [.. part[..at], .. poison, .. part[end..]],
            4 => [.. part[..end], .. part[at..]],
            5 => part[..at],
            _ => [.. part, .. script[mutation.Value % script.Length]],
        };
    }

    private sealed class EndlessStream : MemoryStream
    {
        public long Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            buffer.Span.Fill((byte)'x');
            if (Given == 0)
                "{\"QMP\": \""u8.CopyTo(buffer.Span);
            Given += buffer.Length;
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
