using System.Net.Sockets;
using System.Text;

namespace MomentTools.Tests.Nbd;

/// <summary>Just enough QMP to set up an export.</summary>
internal static class TinyQmp
{
    public static async Task RunAsync(string socketPath, params string[] commands)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await reader.ReadLineAsync();
        foreach (string command in commands.Prepend("""{"execute":"qmp_capabilities"}"""))
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\n"));
            string? answer;
            do
                answer = await reader.ReadLineAsync(FakeServer.Limit());
            while (answer?.Contains("\"event\"", StringComparison.Ordinal) == true);
            Assert.Contains("\"return\"", answer, StringComparison.Ordinal);
        }
    }
}
