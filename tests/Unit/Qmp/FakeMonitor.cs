using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qmp;

/// <summary>The other end of a QMP link, in memory: it says just what a test tells it to.</summary>
internal sealed class FakeMonitor : IDisposable
{
    public const string Greeting =
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}""";

    private readonly Pipe _toClient = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly Pipe _fromClient = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly StreamReader _commands;

    public FakeMonitor()
    {
        ClientSide = new DuplexStream(_toClient.Reader.AsStream(), _fromClient.Writer.AsStream());
        _commands = new StreamReader(_fromClient.Reader.AsStream(), Encoding.UTF8);
    }

    public Stream ClientSide { get; }

    /// <summary>A client that has been greeted and is in command mode.</summary>
    public async Task<QmpClient> ConnectAsync(QmpOptions? options = null)
    {
        await SendAsync(Greeting);
        Task<QmpClient> connecting = QmpClient.OverAsync(ClientSide, "fake", CancellationToken.None, options);
        JsonElement capabilities = await ReadAsync();
        Assert.Equal("qmp_capabilities", capabilities.GetProperty("execute").GetString());
        await ReturnAsync(capabilities, "{}");
        return await connecting;
    }

    public async Task<JsonElement> ReadAsync()
    {
        string line = await _commands.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)) ?? throw new EndOfStreamException("the client closed the link");
        return JsonDocument.Parse(line).RootElement;
    }

    public Task SendAsync(string text) => SendBytesAsync(Encoding.UTF8.GetBytes(text + "\r\n"));

    public async Task SendBytesAsync(ReadOnlyMemory<byte> bytes) => await _toClient.Writer.WriteAsync(bytes);

    public Task ReturnAsync(JsonElement command, string value) => SendAsync($$"""{"return": {{value}}, "id": {{command.GetProperty("id")}} }""");

    public Task RefuseAsync(JsonElement command, string errorClass, string description) =>
        SendAsync($$"""{"id": {{command.GetProperty("id")}}, "error": {"class": "{{errorClass}}", "desc": "{{description}}"} }""");

    public Task TellAsync(string name, string data) =>
        SendAsync($$"""{"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "{{name}}", "data": {{data}} }""");

    public void Close(Exception? how = null) => _toClient.Writer.Complete(how);

    public void Dispose()
    {
        _toClient.Writer.Complete();
        _commands.Dispose();
    }

    private sealed class DuplexStream(Stream input, Stream output) : PeerStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                input.Dispose();
                output.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
