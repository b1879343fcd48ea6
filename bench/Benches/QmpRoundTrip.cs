using System.Net.Sockets;
using System.Text;
using MomentTools.Qmp;

namespace MomentTools.Bench.Benches;

/// <summary>One command and its reply: our client beside the bare socket, which is the least that can be.</summary>
internal sealed class QmpRoundTrip : IBench
{
    private static readonly byte[] Command = Encoding.UTF8.GetBytes("""{"execute":"query-version","id":1}""" + "\n");

    private readonly byte[] _reply = new byte[4096];
    private StorageDaemon? _ours;
    private StorageDaemon? _theirs;
    private QmpClient? _client;
    private Socket? _socket;

    public string Subject => "QMP round trip";

    public string OurWay => "QmpClient, query-version";

    public string TheirWay => "the same bytes over a bare socket, the reply not parsed";

    public int Repeats => 500;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon") is { } missing)
            return missing;
        string our = Path.Combine(scratch, "a"), their = Path.Combine(scratch, "b");
        _ours = await StorageDaemon.StartAsync(our, [], cancellation);
        _theirs = await StorageDaemon.StartAsync(their, [], cancellation);
        _client = await QmpClient.ConnectAsync(new UnixQmpAddress(our), cancellation);
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await _socket.ConnectAsync(new UnixDomainSocketEndPoint(their), cancellation);
        await ReadLineAsync(cancellation);
        await _socket.SendAsync(Encoding.UTF8.GetBytes("""{"execute":"qmp_capabilities"}""" + "\n"), cancellation);
        await ReadLineAsync(cancellation);
        return null;
    }

    public Task OursAsync(CancellationToken cancellation) => _client!.ExecuteAsync("query-version", null, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await _socket!.SendAsync(Command, cancellation);
        await ReadLineAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
            await _client.DisposeAsync();
        _socket?.Dispose();
        _ours?.Dispose();
        _theirs?.Dispose();
        (_client, _socket, _ours, _theirs) = (null, null, null, null);
    }

    private async Task ReadLineAsync(CancellationToken cancellation)
    {
        int read;
        do
            read = await _socket!.ReceiveAsync(_reply, cancellation);
        while (read > 0 && _reply[read - 1] != (byte)'\n');
    }
}
