using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>A fake server with a script for each of its connections, numbered in the order in which they come.</summary>
internal sealed class ManyFakes : IAsyncDisposable
{
    private readonly FakeServer _server = new() { Flags = 0x14d };
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _scripts = [];
    private readonly Task _accepting;

    public ManyFakes(Func<FakeServer, int, Task> script) => _accepting = Task.Run(async () =>
    {
        for (int number = 0; ; number++)
        {
            int mine = number;
            FakeServer accepted = await _server.AcceptAsync(_stop.Token);
            _scripts.Add(Task.Run(async () =>
            {
                await using FakeServer fake = accepted;
                await fake.NegotiateAsync();
                await script(fake, mine);
            }));
        }
    });

    public NbdAddress Address => _server.Address;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(_scripts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _server.DisposeAsync();
        _stop.Dispose();
    }
}
