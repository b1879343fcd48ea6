using System.Net.Sockets;
using System.Text;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

/// <summary>The guest agent's protocol on a real Unix socket, against an agent that behaves, and against many that do not.</summary>
public sealed class GuestAgentTests : IDisposable
{
    // One that answers is waited for, however busy the host is; one that does not, not for long.
    private static readonly GuestAgentOptions Patient = new() { AnswerTimeout = TimeSpan.FromMinutes(1), FreezeTimeout = TimeSpan.FromMinutes(1), ThawTimeout = TimeSpan.FromMinutes(1) };
    private static readonly GuestAgentOptions Short = Patient with { AnswerTimeout = TimeSpan.FromSeconds(1) };

    private readonly ScratchDirectory _scratch = new();

    private string Path => _scratch["agent"];

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task FreezesAndThaws()
    {
        await using var fake = new FakeGuestAgent(Path) { FileSystems = 3 };
        await using GuestAgent agent = await ConnectAsync();
        Assert.False(await agent.IsFrozenAsync(CancellationToken.None));
        Assert.Equal(3, await agent.FreezeAsync(CancellationToken.None));
        Assert.True(await agent.IsFrozenAsync(CancellationToken.None));
        Assert.Equal(3, await agent.ThawAsync(CancellationToken.None));
        Assert.Equal(0, await agent.ThawAsync(CancellationToken.None));
        Assert.False(fake.Frozen);
    }

    [Theory]
    [InlineData("{\"return\": 4711}\n")]
    [InlineData("half an answer of somebody else's {\"ret")]
    [InlineData("\n\n\u00ff{\"return\": 1}\n\u00ff{\"return\": 99")]
    [InlineData("{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid JSON syntax\"}}\n")]
    public async Task WhatIsLeftOfEarlierClientsIsSkipped(string left)
    {
        await using var fake = new FakeGuestAgent(Path) { Greeting = Encoding.Latin1.GetBytes(left), Piece = 1 };
        await using GuestAgent agent = await ConnectAsync();
        Assert.Equal(2, await agent.FreezeAsync(CancellationToken.None));
        Assert.Equal(2, await agent.ThawAsync(CancellationToken.None));
    }

    [Fact]
    public async Task ALateFreezeIsThawedAndItsAnswerNotTakenForAnother()
    {
        await using var fake = new FakeGuestAgent(Path);
        fake.Answer = async (command, usual, end) =>
        {
            if (command == "guest-fsfreeze-freeze")
                await Task.Delay(1500, end);
            return usual;
        };
        await using GuestAgent agent = await GuestAgent.ConnectAsync("web1", Path, Patient with { FreezeTimeout = TimeSpan.FromSeconds(0.5) }, CancellationToken.None);
        MomentException late = await Assert.ThrowsAsync<MomentException>(() => agent.FreezeAsync(CancellationToken.None));
        Assert.Equal(GuestAgentErrors.GuestAgentSilent, late.ErrorId);
        Assert.Contains("guest-fsfreeze-freeze", late.Message, StringComparison.Ordinal);
        Assert.Contains("0.5 s", late.Message, StringComparison.Ordinal);
        Assert.Equal(2, await agent.ThawAsync(CancellationToken.None));
        Assert.False(fake.Frozen);
        Assert.False(await agent.IsFrozenAsync(CancellationToken.None));
    }

    [Fact]
    public async Task ARefusalKeepsItsClassAndItsWords()
    {
        await using var fake = new FakeGuestAgent(Path);
        fake.Answer = (command, usual, _) => Task.FromResult<string?>(command == "guest-fsfreeze-freeze" ? FakeGuestAgent.Error("GenericError", "failed to freeze /: Device or resource busy") : usual);
        await using GuestAgent agent = await ConnectAsync();
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => agent.FreezeAsync(CancellationToken.None));
        Assert.Equal(GuestAgentErrors.GuestAgentCommandFailed, refused.ErrorId);
        Assert.Equal("GenericError", refused.PeerErrorClass);
        Assert.Contains("failed to freeze /: Device or resource busy", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAgentThatIsNotThereIsSilent()
    {
        await using var fake = new FakeGuestAgent(Path) { Dead = true };
        Assert.Equal(GuestAgentErrors.GuestAgentSilent, (await RefusedAsync(Short)).ErrorId);
    }

    [Fact]
    public async Task AChannelThatAnotherClientHoldsIsBusy()
    {
        await using var fake = new FakeGuestAgent(Path);
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await other.ConnectAsync(new UnixDomainSocketEndPoint(Path));
        await Task.Delay(50);
        MomentException busy = await RefusedAsync(Short);
        Assert.Equal(GuestAgentErrors.GuestAgentBusy, busy.ErrorId);
        Assert.Contains(Path, busy.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ASocketThatNobodyServesIsUnreachable()
    {
        MomentException missing = await RefusedAsync();
        Assert.Equal(GuestAgentErrors.GuestAgentUnreachable, missing.ErrorId);
        Assert.Contains("there is no such socket", missing.Message, StringComparison.Ordinal);
        await using (new FakeGuestAgent(Path))
        {
        }

        Assert.Equal(GuestAgentErrors.GuestAgentUnreachable, (await RefusedAsync()).ErrorId);
    }

    [Theory]
    [InlineData("guest-sync-delimited", "GuestAgentConnectionLost")]
    [InlineData("guest-fsfreeze-freeze", "GuestAgentConnectionLost")]
    public async Task AChannelThatClosesIsSaid(string at, string id)
    {
        await using var fake = new FakeGuestAgent(Path);
        fake.Answer = (command, usual, _) => command == at ? throw new IOException("gone") : Task.FromResult<string?>(usual);
        MomentException lost = await Assert.ThrowsAsync<MomentException>(async () =>
        {
            await using GuestAgent agent = await ConnectAsync();
            await agent.FreezeAsync(CancellationToken.None);
        });
        Assert.Equal(id, lost.ErrorId.Name);
    }

    [Theory]
    [InlineData("guest-fsfreeze-freeze", "[]")]
    [InlineData("guest-fsfreeze-freeze", "nonsense")]
    [InlineData("guest-fsfreeze-freeze", "{\"return\": \"many\"}")]
    [InlineData("guest-fsfreeze-freeze", "{\"return\": -1}")]
    [InlineData("guest-fsfreeze-freeze", "{\"answer\": 1}")]
    [InlineData("guest-fsfreeze-freeze", "{\"error\": 1}")]
    [InlineData("guest-fsfreeze-status", "{\"return\": {}}")]
    public async Task WhatIsNoAnswerIsRefused(string at, string words)
    {
        await using var fake = new FakeGuestAgent(Path);
        fake.Answer = (command, usual, _) => Task.FromResult<string?>(command == at ? words : usual);
        await using GuestAgent agent = await ConnectAsync();
        MomentException garbage = await Assert.ThrowsAsync<MomentException>(async () =>
        {
            await agent.IsFrozenAsync(CancellationToken.None);
            await agent.FreezeAsync(CancellationToken.None);
        });
        Assert.Equal(GuestAgentErrors.GuestAgentProtocolViolation, garbage.ErrorId);
    }

    [Fact]
    public async Task AFloodIsBounded()
    {
        await using (new FakeGuestAgent(Path) { Greeting = new byte[GuestAgentReader.MostSkipped * 2] })
            Assert.Equal(GuestAgentErrors.GuestAgentProtocolViolation, (await RefusedAsync()).ErrorId);
        await using var fake = new FakeGuestAgent(Path);
        fake.Answer = (command, usual, _) => Task.FromResult<string?>(command == "guest-fsfreeze-freeze" ? new string('x', GuestAgentReader.LongestLine + 1) : usual);
        await using GuestAgent agent = await ConnectAsync();
        Assert.Equal(GuestAgentErrors.GuestAgentProtocolViolation, (await Assert.ThrowsAsync<MomentException>(() => agent.FreezeAsync(CancellationToken.None))).ErrorId);
    }

    [Fact]
    public async Task CtrlCEndsTheWait()
    {
        await using var fake = new FakeGuestAgent(Path) { Dead = true };
        using var stop = new CancellationTokenSource(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => GuestAgent.ConnectAsync("web1", Path, GuestAgentOptions.Default, stop.Token));
    }

    private Task<GuestAgent> ConnectAsync(GuestAgentOptions? options = null) => GuestAgent.ConnectAsync("web1", Path, options ?? Patient, CancellationToken.None);

    private Task<MomentException> RefusedAsync(GuestAgentOptions? options = null) => Assert.ThrowsAsync<MomentException>(() => ConnectAsync(options));
}
