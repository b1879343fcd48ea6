using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>A qemu-nbd, nbdkit or qemu-storage-daemon in the foreground, ended with the test.</summary>
internal sealed class RealServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly StringBuilder _words = new();

    private RealServer(Process process, NbdAddress address)
    {
        _process = process;
        Address = address;
        // A pipe that nobody empties would stop the server.
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_words)
                _words.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
    }

    public NbdAddress Address { get; }

    public static RealServer OnUnix(string socket, string tool, params string[] arguments) => Start(new UnixNbdAddress(socket), tool, arguments);

    public static RealServer QemuNbd(string socket, params string[] arguments) => OnUnix(socket, "qemu-nbd", ["-k", socket, "-t", .. arguments]);

    // nbdkit asks the kernel to end it with the thread that started it, and a thread of the pool may end any time: a shell stands between.
    public static RealServer Nbdkit(string socket, params string[] arguments) =>
        OnUnix(socket, "sh", ["-c", "\"$@\" & wait", "sh", "nbdkit", "-f", "-U", socket, .. arguments]);

    public static RealServer NbdkitOnTcp(int port, params string[] arguments) =>
        Start(new TcpNbdAddress("127.0.0.1", port), "sh", ["-c", "\"$@\" & wait", "sh", "nbdkit", "-f", "-i", "127.0.0.1", "-p", $"{port}", .. arguments]);

    public static RealServer QemuNbdOnTcp(params string[] arguments)
    {
        int port = FreePort();
        return Start(new TcpNbdAddress("127.0.0.1", port), "qemu-nbd", ["-b", "127.0.0.1", "-p", $"{port}", "-t", .. arguments]);
    }

    public void Kill()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private string Words()
    {
        _process.WaitForExit(100);
        lock (_words)
            return _words.ToString();
    }

    private static RealServer Start(NbdAddress address, string tool, string[] arguments)
    {
        var server = new RealServer(Process.Start(new ProcessStartInfo(tool, arguments) { UseShellExecute = false, RedirectStandardError = true })!, address);
        for (long start = Stopwatch.GetTimestamp(); !Answers(address); Thread.Sleep(10))
        {
            Assert.False(server._process.HasExited, server.Words());
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"{tool} does not listen at {address}");
        }

        return server;
    }

    private static bool Answers(NbdAddress address)
    {
        if (address is UnixNbdAddress unix)
            return Listens(unix.Path);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, ((TcpNbdAddress)address).Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    // A connection to find out would count as a client. SO_ACCEPTCON is the flag of a socket that listens; its file is there before it does.
    private static bool Listens(string path) =>
        File.ReadLines("/proc/net/unix").Any(line => line.EndsWith(" " + path, StringComparison.Ordinal) && line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3] == "00010000");

    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
