using MomentTools.Errors;
using MomentTools.Qmp;
using static MomentTools.Tests.Qmp.QmpClientTests;

namespace MomentTools.Tests.Qmp;

/// <summary>How the link begins, with a peer that says something else, too little or nothing.</summary>
public sealed class QmpGreetingTests : IDisposable
{
    private readonly FakeMonitor _monitor = new();

    public void Dispose() => _monitor.Dispose();

    [Fact]
    public async Task TheGreetingTellsTheVersion()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Assert.Equal(new QmpVersion(7, 2, 22, "Debian"), qmp.Version);
    }

    [Fact]
    public async Task AnEventBeforeTheGreetingIsPassedOver()
    {
        await _monitor.TellAsync("JOB_STATUS_CHANGE", """{"status": "running", "id": "a"}""");
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Assert.Equal(new QmpVersion(7, 2, 22, "Debian"), qmp.Version);
    }

    [Fact]
    public async Task ASecondGreetingBeforeTheFirstAnswerIsPassedOver()
    {
        await _monitor.SendAsync(FakeMonitor.Greeting);
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Assert.Equal(new QmpVersion(7, 2, 22, "Debian"), qmp.Version);
    }

    [Fact]
    public async Task AGreetingInTheMiddleOfASessionEndsIt()
    {
        await using QmpClient qmp = await _monitor.ConnectAsync();
        Task<QmpStatus> asking = qmp.QueryStatusAsync(CancellationToken.None);
        await _monitor.SendAsync(FakeMonitor.Greeting);
        MomentException lost = await ThrowsAsync(asking);
        Assert.Equal(QmpErrors.QmpProtocolViolation, Assert.IsType<MomentException>(lost.InnerException).ErrorId);
    }

    [Fact]
    public async Task ASilentMonitorIsHeldBySomebodyElse()
    {
        var options = new QmpOptions { GreetingTimeout = TimeSpan.FromMilliseconds(50) };
        MomentException failure = await ThrowsAsync(QmpClient.OverAsync(_monitor.ClientSide, "fake", CancellationToken.None, options));
        Assert.Equal(QmpErrors.QmpMonitorBusy, failure.ErrorId);
        Assert.Contains("second -qmp socket", failure.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AMonitorThatGreetsAndThenSleepsIsSilent()
    {
        await _monitor.SendAsync(FakeMonitor.Greeting);
        // Enough for the greeting to be read on the busiest host.
        var options = new QmpOptions { GreetingTimeout = TimeSpan.FromSeconds(3) };
        MomentException failure = await ThrowsAsync(QmpClient.OverAsync(_monitor.ClientSide, "fake", CancellationToken.None, options));
        Assert.Equal(QmpErrors.QmpMonitorSilent, failure.ErrorId);
    }

    [Fact]
    public async Task CancellingTheConnectIsNotATimeout()
    {
        using var cancel = new CancellationTokenSource(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => QmpClient.OverAsync(_monitor.ClientSide, "fake", cancel.Token));
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2")]
    [InlineData("NBDMAGICIHAVEOPT")]
    [InlineData("QEMU 7.2.22 monitor - type 'help' for more information")]
    [InlineData("{\"QMP\": 7}")]
    [InlineData("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2}, \"package\": \"\"}}}")]
    [InlineData("{]")]
    [InlineData("{\"a\": \u0001}")]
    public async Task AGreetingThatIsNoneIsAProtocolViolation(string greeting)
    {
        await _monitor.SendAsync(greeting);
        MomentException failure = await ThrowsAsync(QmpClient.OverAsync(_monitor.ClientSide, "fake", CancellationToken.None));
        Assert.Equal(QmpErrors.QmpProtocolViolation, failure.ErrorId);
    }
}
