using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

/// <summary>The link against a peer that does everything wrong that a peer can.</summary>
public sealed class QmpClientTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

    private readonly FakeMonitor _monitor = new();

    public void Dispose() => _monitor.Dispose();

    [Fact]
    public async Task RepliesFindTheirCommandsInAnyOrder()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> a = qmp.ExecuteAsync("a", null, CancellationToken.None);
        Task<JsonElement> b = qmp.ExecuteAsync("b", new JsonObject { ["x"] = "ü\n\"" }, CancellationToken.None);
        JsonElement first = await _monitor.ReadAsync();
        JsonElement second = await _monitor.ReadAsync();
        Assert.Equal("ü\n\"", second.GetProperty("arguments").GetProperty("x").GetString());
        await _monitor.ReturnAsync(second, "2");
        await _monitor.ReturnAsync(first, "1");
        Assert.Equal((1, 2), ((await a).GetInt32(), (await b).GetInt32()));
    }

    [Fact]
    public async Task AnErrorReplyKeepsQemusWordsAndClass()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> stop = qmp.ExecuteAsync("stop", null, CancellationToken.None);
        await _monitor.RefuseAsync(await _monitor.ReadAsync(), "DeviceNotFound", "no such thing");
        MomentException failure = await ThrowsAsync(stop);
        Assert.Equal((QmpErrors.QmpCommandFailed, "DeviceNotFound"), (failure.ErrorId, failure.PeerErrorClass));
        Assert.Contains("no such thing", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'stop'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ALateReplyAfterACancelIsDropped()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        using var cancel = new CancellationTokenSource();
        Task<JsonElement> slow = qmp.ExecuteAsync("slow", null, cancel.Token);
        JsonElement slowCommand = await _monitor.ReadAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow);

        Task<JsonElement> next = qmp.ExecuteAsync("next", null, CancellationToken.None);
        JsonElement nextCommand = await _monitor.ReadAsync();
        await _monitor.ReturnAsync(slowCommand, "\"late\"");
        await _monitor.ReturnAsync(nextCommand, "\"mine\"");
        Assert.Equal("mine", (await next).GetString());
    }

    [Fact]
    public async Task ADuplicateAndAForeignIdAreDropped()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> one = qmp.ExecuteAsync("one", null, CancellationToken.None);
        JsonElement command = await _monitor.ReadAsync();
        await _monitor.SendAsync("""{"return": 0, "id": 99999}""");
        await _monitor.SendAsync("""{"return": 0, "id": "text"}""");
        await _monitor.SendAsync("""{"error": {"class": "X", "desc": "x"}, "id": [1]}""");
        await _monitor.ReturnAsync(command, "1");
        await _monitor.ReturnAsync(command, "2");
        Assert.Equal(1, (await one).GetInt32());
        Task<JsonElement> two = qmp.ExecuteAsync("two", null, CancellationToken.None);
        await _monitor.ReturnAsync(await _monitor.ReadAsync(), "3");
        Assert.Equal(3, (await two).GetInt32());
    }

    [Fact]
    public async Task AnErrorWithoutAnIdFailsTheOneCommandThatWaits()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> only = qmp.ExecuteAsync("only", null, CancellationToken.None);
        await _monitor.ReadAsync();
        await _monitor.SendAsync("""{"error": {"class": "GenericError", "desc": "JSON parse error"}}""");
        Assert.Equal(QmpErrors.QmpCommandFailed, (await ThrowsAsync(only)).ErrorId);
        Assert.False(qmp.Closed.IsCompleted);
    }

    [Fact]
    public async Task AnErrorWithoutAnIdAmongSeveralCommandsEndsTheLink()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement>[] both = [qmp.ExecuteAsync("a", null, CancellationToken.None), qmp.ExecuteAsync("b", null, CancellationToken.None)];
        await _monitor.ReadAsync();
        await _monitor.ReadAsync();
        await _monitor.SendAsync("""{"error": {"class": "GenericError", "desc": "JSON parse error"}}""");
        foreach (Task<JsonElement> one in both)
            AssertLostTo<MomentException>(await ThrowsAsync(one));
    }

    [Theory]
    [InlineData("""{"return": {}}""")]
    [InlineData("""{"hello": 1}""")]
    [InlineData("""{"event": "STOP"}""")]
    [InlineData("""{"event": 1, "timestamp": {"seconds": 1, "microseconds": 1}}""")]
    [InlineData("""{"error": "no", "id": 2}""")]
    [InlineData("""{"return": "\x", "id": 2}""")]
    [InlineData("""{"event": "\ud800", "timestamp": {"seconds": 1, "microseconds": 1}}""")]
    [InlineData("[1]")]
    [InlineData("Segmentation fault")]
    public async Task GarbageEndsTheLinkAndTellsEveryWaiterWhy(string garbage)
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        using QmpEvents events = qmp.Subscribe();
        Task<JsonElement> a = qmp.ExecuteAsync("a", null, CancellationToken.None);
        Task<JsonElement> b = qmp.ExecuteAsync("b", null, CancellationToken.None);
        await _monitor.SendAsync(garbage);
        AssertLostTo<MomentException>(await ThrowsAsync(a));
        AssertLostTo<MomentException>(await ThrowsAsync(b));
        MomentException lost = await ThrowsAsync(events.NextAsync(CancellationToken.None).AsTask());
        Assert.Equal(QmpErrors.QmpProtocolViolation, Assert.IsType<MomentException>(lost.InnerException).ErrorId);
        await qmp.Closed.WaitAsync(Soon);
    }

    [Fact]
    public async Task AMessageOfBrokenUtf8IsGarbage()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> a = qmp.ExecuteAsync("a", null, CancellationToken.None);
        await _monitor.SendBytesAsync("{\"return\": \"\u00e4\", \"id\": 2}\n".Select(letter => (byte)letter).ToArray());
        AssertLostTo<MomentException>(await ThrowsAsync(a));
    }

    [Fact]
    public async Task ACloseInTheMiddleOfAMessageFailsEveryWaiterAndLaterCommands()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        using QmpEvents events = qmp.Subscribe("STOP");
        Task<JsonElement>[] waiting = [.. Enumerable.Range(0, 5).Select(_ => qmp.ExecuteAsync("stop", null, CancellationToken.None))];
        Task<QmpEvent> next = events.NextAsync(CancellationToken.None).AsTask();
        await _monitor.SendBytesAsync("{\"return\": {\"a"u8.ToArray());
        _monitor.Close();
        foreach (Task<JsonElement> one in waiting)
            AssertLostTo<EndOfStreamException>(await ThrowsAsync(one));
        AssertLostTo<EndOfStreamException>(await ThrowsAsync(next));
        await qmp.Closed.WaitAsync(Soon);
        AssertLostTo<EndOfStreamException>(await ThrowsAsync(qmp.ExecuteAsync("stop", null, CancellationToken.None)));
        AssertLostTo<EndOfStreamException>(await ThrowsAsync(qmp.Subscribe().NextAsync(CancellationToken.None).AsTask()));
    }

    [Fact]
    public async Task AReadErrorIsTheReasonThatWaitersSee()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> one = qmp.ExecuteAsync("stop", null, CancellationToken.None);
        _monitor.Close(new IOException("Connection reset by peer"));
        MomentException failure = await ThrowsAsync(one);
        AssertLostTo<IOException>(failure);
        Assert.Contains("Connection reset by peer", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DisposingFailsWhatWaits()
    {
        QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> one = qmp.ExecuteAsync("stop", null, CancellationToken.None);
        await qmp.DisposeAsync();
        Assert.True(qmp.Closed.IsCompletedSuccessfully);
        AssertLostTo<ObjectDisposedException>(await ThrowsAsync(one));
        await qmp.DisposeAsync();
    }

    [Fact]
    public async Task AReplyOfManyMegabytesArrivesWhole()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> big = qmp.ExecuteAsync("big", null, CancellationToken.None);
        JsonElement command = await _monitor.ReadAsync();
        string text = string.Concat(Enumerable.Repeat("äöü{[\\\"", 2_500_000));
        byte[] line = Encoding.UTF8.GetBytes($$"""{"return": "{{text}}", "id": {{command.GetProperty("id")}} }""");
        Assert.True(line.Length > 20 << 20);
        for (int at = 0; at < line.Length; at += 65_521)
            await _monitor.SendBytesAsync(line.AsMemory(at, Math.Min(65_521, line.Length - at)));
        Assert.Equal(text.Replace("\\\"", "\"", StringComparison.Ordinal), (await big).GetString());
    }

    [Fact]
    public async Task AReplyOverTheBoundEndsTheLink()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync(new QmpOptions { MaxReplyBytes = 100_000 });
        Task<JsonElement> big = qmp.ExecuteAsync("big", null, CancellationToken.None);
        await _monitor.SendAsync($$"""{"return": "{{new string('x', 100_001)}}", "id": 2}""");
        AssertLostTo<MomentException>(await ThrowsAsync(big));
    }

    [Fact]
    public async Task AReplyNestedWithoutEndIsRefused()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> deep = qmp.ExecuteAsync("deep", null, CancellationToken.None);
        await _monitor.SendAsync($$"""{"return": {{new string('[', 100_000)}}{{new string(']', 100_000)}}, "id": 2}""");
        AssertLostTo<MomentException>(await ThrowsAsync(deep));
    }

    [Fact]
    public async Task MessagesCutAtEveryByteAndPrintedPrettyAreUnderstood()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<JsonElement> one = qmp.ExecuteAsync("one", null, CancellationToken.None);
        foreach (byte piece in "\r\n{\r\n    \"return\": {\r\n        \"ü✓\": \"}\\\\\\\"{\"\r\n    },\r\n    \"id\": 2\r\n}\r\n"u8.ToArray())
        {
            await _monitor.SendBytesAsync(new[] { piece });
            await Task.Yield();
        }

        Assert.Equal("}\\\"{", (await one).GetProperty("ü✓").GetString());
    }

    [Fact]
    public async Task EveryListenerHearsWhatItAskedForInOrder()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        using QmpEvents all = qmp.Subscribe();
        using QmpEvents stops = qmp.Subscribe("STOP");
        QmpEvents gone = qmp.Subscribe();
        gone.Dispose();
        await _monitor.TellAsync("NEVER_HEARD_OF", "[1]");
        await _monitor.TellAsync("STOP", "{\"a\": 1}");
        QmpEvent stop = await stops.NextAsync(CancellationToken.None);
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_250), stop.Timestamp);
        Assert.Equal(1, stop.Data.GetProperty("a").GetInt32());
        Assert.Equal("NEVER_HEARD_OF", (await all.NextAsync(CancellationToken.None)).Name);
        Assert.Equal("STOP", (await all.NextAsync(CancellationToken.None)).Name);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => gone.NextAsync(CancellationToken.None).AsTask());
    }

    [Fact]
    public async Task AListenerThatSleepsIsToldThatItLostEvents()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync(new QmpOptions { MaxReplyBytes = 4096 });
        using QmpEvents sleeper = qmp.Subscribe();
        for (int i = 0; i < 1000; i++)
            await _monitor.TellAsync("STOP", "{}");
        int heard = 0;
        MomentException failure = await Assert.ThrowsAsync<MomentException>(async () =>
        {
            for (; heard < 1000; heard++)
                await sleeper.NextAsync(CancellationToken.None);
        });
        Assert.Equal(QmpErrors.QmpEventsOverrun, failure.ErrorId);
        Assert.InRange(heard, 1, 100);
        Assert.False(qmp.Closed.IsCompleted);
    }

    [Fact]
    public async Task TheTraceShowsBothDirections()
    {
        var lines = new List<QmpTraceLine>();
        await using (await _monitor.ConnectAsync(new QmpOptions { Trace = lines.Add }))
        {
        }

        Assert.Equal([QmpDirection.FromQemu, QmpDirection.ToQemu, QmpDirection.FromQemu], lines.Select(line => line.Direction));
        Assert.Equal(FakeMonitor.Greeting, lines[0].Text);
        Assert.Equal("""{"execute":"qmp_capabilities","id":1}""", lines[1].Text);
    }

    internal static async Task<MomentException> ThrowsAsync(Task task) => await Assert.ThrowsAsync<MomentException>(() => task.WaitAsync(Soon));

    private static void AssertLostTo<T>(MomentException failure)
        where T : Exception
    {
        Assert.Equal(QmpErrors.QmpConnectionLost, failure.ErrorId);
        Assert.IsAssignableFrom<T>(failure.InnerException);
    }
}
