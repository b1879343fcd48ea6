using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// The other end of a migration: a socket of ours, in a directory that nobody else may enter, whose stream goes into a file as it is. No
/// shell, no program between, and QEMU never opens the file.
/// </summary>
internal sealed class MemoryReceiver : IAsyncDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int NotSupported = 95, NotImplemented = 38, Invalid = 22;

    private readonly Socket _listener;
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly Task _work;
    private Socket? _link;
    private long _received;
    private bool _closed;

    private MemoryReceiver(Socket listener, string socketPath, SafeFileHandle file, string path)
    {
        _listener = listener;
        SocketPath = socketPath;
        _file = file;
        _path = path;
        // A thread of its own: it does nothing but read and write, as fast as it gets.
        _work = Task.Factory.StartNew(Receive, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>What <c>migrate</c> is to connect to.</summary>
    public string SocketPath { get; }

    /// <summary>Bytes that are in the file.</summary>
    public long Received => Interlocked.Read(ref _received);

    /// <summary>Completes at the end of the stream; fails where the file could not be written, which QEMU sees as a broken line.</summary>
    public Task Finished => _work;

    /// <param name="runtimeDirectory">A private directory with a short path.</param>
    /// <param name="file">Where the stream goes, from its beginning on.</param>
    /// <param name="path">What the file is called.</param>
    public static MemoryReceiver Listen(string runtimeDirectory, SafeFileHandle file, string path)
    {
        PrivateDirectory.MakeForSockets(runtimeDirectory);
        string socketPath = new UnixQmpAddress(Path.Combine(runtimeDirectory, "mem-" + Guid.NewGuid().ToString("N")[..8])).Path;
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(socketPath));
            listener.Listen(1);
            return new MemoryReceiver(listener, socketPath, file, path);
        }
        catch (SocketException failure)
        {
            listener.Dispose();
            throw FileErrors.From(new IOException(failure.Message, failure), "make the socket", socketPath);
        }
    }

    /// <summary>Takes the space for what is still to come, so that a full disk is found out while everything can be given up.</summary>
    public void Reserve(long more)
    {
        int error = Libc.Allocate(_file, 0, Received + more);
        if (error is not (0 or NotSupported or NotImplemented or Invalid))
            throw FileErrors.From(new IOException(System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error), error), "write", _path);
    }

    /// <summary>Waits for the end of the stream, and cuts the file to it.</summary>
    public async Task CompleteAsync()
    {
        await _work;
        RandomAccess.SetLength(_file, Received);
    }

    public async ValueTask DisposeAsync()
    {
        Volatile.Write(ref _closed, true);
        _listener.Dispose();
        Volatile.Read(ref _link)?.Dispose();
        File.Delete(SocketPath);
        // It ends with its sockets; whoever needs its failure has asked for it.
        await Task.WhenAny(_work);
    }

    private void Receive()
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        try
        {
            using Socket link = _listener.Accept();
            Volatile.Write(ref _link, link);
            link.ReceiveBufferSize = BufferBytes;
            for (int count; (count = link.Receive(buffer)) > 0;)
            {
                RandomAccess.Write(_file, buffer.AsSpan(0, count), _received);
                Interlocked.Add(ref _received, count);
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            throw new MomentException(
                SnapshotCreationErrors.MemoryNotSaved,
                $"Cannot save the machine's memory to '{_path}': {(Volatile.Read(ref _closed) ? "it was given up" : "the line to QEMU broke")}.", _path, "The machine goes on as before.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write", _path);
        }
    }
}
