using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Tests.Qmp;

/// <summary>Replies that are valid JSON but not what QAPI promises.</summary>
public sealed class QmpReplyTests : IDisposable
{
    private readonly FakeMonitor _monitor = new();

    public void Dispose() => _monitor.Dispose();

    [Theory]
    [InlineData("""{}""", "the returned value is not an array")]
    [InlineData("""[7]""", "'[0]' is not an object")]
    [InlineData("""[{"type": "backup"}]""", "lacks the member '[0].id'")]
    [InlineData("""[{"id": 7}]""", "'[0].id' is not a string")]
    [InlineData("""[{"id": "\ud800"}]""", "'[0].id' is not valid Unicode")]
    [InlineData("""[{"id": "j", "type": "backup", "status": "running", "current-progress": 1.5, "total-progress": 2}]""", "'[0].current-progress' is not an integer")]
    [InlineData("""[{"id": "j", "type": "backup", "status": "running", "current-progress": 1, "total-progress": 18446744073709551615}]""", "'[0].total-progress' is not an integer")]
    public Task AJobListNamesTheMemberThatIsWrong(string reply, string complaint) =>
        AssertViolationAsync(qmp => qmp.QueryJobsAsync(CancellationToken.None), reply, "query-jobs", complaint);

    [Theory]
    [InlineData("""[{"node-name": "d0", "drv": "qcow2", "file": "f", "ro": 0}]""", "'[0].ro' is not true or false")]
    [InlineData("""[{"node-name": "d0", "drv": "qcow2", "file": "f", "ro": false, "image": {}}]""", "lacks the member '[0].image.virtual-size'")]
    [InlineData("""[{"node-name": "d0", "drv": "qcow2", "file": "f", "ro": false, "image": {"virtual-size": -1}}]""", "'[0].image.virtual-size' is not a size")]
    [InlineData("""[{"node-name": "d0", "drv": "qcow2", "file": "f", "ro": false, "image": {"virtual-size": 1}, "dirty-bitmaps": [{}]}]""", "lacks the member '[0].dirty-bitmaps[0].count'")]
    public Task ANodeListNamesTheMemberThatIsWrong(string reply, string complaint) =>
        AssertViolationAsync(qmp => qmp.QueryNamedBlockNodesAsync(CancellationToken.None), reply, "query-named-block-nodes", complaint);

    [Fact]
    public async Task OptionalMembersMayBeAbsent()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<IReadOnlyList<QmpBlockDevice>> asking = qmp.QueryBlockAsync(CancellationToken.None);
        const string Inserted =
            """{"node-name": "#block1", "drv": "raw", "file": "x", "ro": true, "image": {"virtual-size": 512}, "dirty-bitmaps": [{"count": 0, "granularity": 512, "recording": true, "busy": true, "persistent": false}]}""";
        await _monitor.ReturnAsync(await _monitor.ReadAsync(), $$"""[{"device": "cd0"}, {"device": "", "qdev": "vd0", "io-status": "nospace", "inserted": {{Inserted}} }]""");
        IReadOnlyList<QmpBlockDevice> disks = await asking;
        Assert.Equal(new QmpBlockDevice("cd0", null, null, null), disks[0]);
        Assert.Equal(("/machine/peripheral/vd0", "nospace"), (disks[1].QomPath, disks[1].IoStatus));
        Assert.Null(Assert.Single(disks[1].Inserted!.DirtyBitmaps).Name);
    }

    [Fact]
    public async Task ABackingChainOfHundredsOfImagesIsNotTooDeep()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<IReadOnlyList<QmpBlockDevice>> asking = qmp.QueryBlockAsync(CancellationToken.None);
        string image = string.Concat(Enumerable.Repeat("""{"filename": "x", "virtual-size": 512, "backing-image": """, 500)) + """{"filename": "x", "virtual-size": 512}""" + new string('}', 500);
        await _monitor.ReturnAsync(
            await _monitor.ReadAsync(),
            $$"""[{"device": "", "inserted": {"node-name": "d0", "drv": "qcow2", "file": "x", "ro": true, "image": {{image}} } }]""");
        QmpInserted inserted = Assert.Single(await asking).Inserted!;
        Assert.Equal((512, 500), (inserted.VirtualSize, inserted.Beneath.Count));
    }

    [Fact]
    public async Task AnExportWhoseDeletionIsToldBeforeTheReplyIsNotWaitedForTwice()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task deleting = qmp.BlockExportDelAsync("mt-e", hard: false, CancellationToken.None);
        JsonElement command = await _monitor.ReadAsync();
        Assert.Equal("safe", command.GetProperty("arguments").GetProperty("mode").GetString());
        await _monitor.TellAsync("BLOCK_EXPORT_DELETED", """{"id": "other"}""");
        await _monitor.TellAsync("BLOCK_EXPORT_DELETED", """{"id": "mt-e"}""");
        await _monitor.ReturnAsync(command, "{}");
        await deleting.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private async Task AssertViolationAsync(Func<QmpClient, Task> ask, string reply, string command, string complaint)
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task asking = ask(qmp);
        await _monitor.ReturnAsync(await _monitor.ReadAsync(), reply);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => asking);
        Assert.Equal(QmpErrors.QmpProtocolViolation, failure.ErrorId);
        Assert.Contains($"'{command}'", failure.Message, StringComparison.Ordinal);
        Assert.Contains(complaint, failure.Message, StringComparison.Ordinal);
        Assert.False(qmp.Closed.IsCompleted);
    }
}
