using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qmp;

namespace MomentTools.Machines;

/// <summary>
/// A file with a machine's memory (QEMU's migration stream), loaded into a QEMU that was started with <c>-incoming defer</c>: QEMU listens
/// on a socket in the domain's runtime directory, and this process feeds it.
/// </summary>
internal sealed class IncomingMemory(string vm, string path)
{
    private const int Block = 1 << 20;
    private const int LongestDescription = 4 << 20;
    private const byte Description = 0x06;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);
    private static readonly byte[] Magic = "QEVM"u8.ToArray();

    public string Path => path;

    /// <summary>Looks whether the file can be what it should be, and is whole, before anything is stopped for it.</summary>
    /// <exception cref="MomentException"><c>MemoryFileMissing</c>, <c>MemoryFileBroken</c>.</exception>
    public void Check()
    {
        try
        {
            // A document may name anything: a FIFO would hold who opens it for ever.
            if (Libc.RealPath(path) is { } real && PlainFile.WhyNot(real) is { } why)
                throw MachineErrors.MemoryBroken(vm, path, $"it is {why}");
            using FileStream file = File.OpenRead(path);
            byte[] head = new byte[Magic.Length];
            if (file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || !head.AsSpan().SequenceEqual(Magic))
                throw MachineErrors.MemoryBroken(vm, path, "it does not begin as QEMU's saved machines do");
            if (!IsWhole(file))
                throw MachineErrors.MemoryBroken(vm, path, "its end is missing");
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MomentException(MachineErrors.MemoryFileMissing, $"The file '{path}' with the memory of '{vm}' does not exist.", path, "Put it back. Without it only the disks can be gone back to.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the saved memory in", path);
        }
    }

    /// <summary>Loads it; the machine stands still then, whatever it did when it was saved.</summary>
    /// <param name="qmp">A QEMU that waits for it.</param>
    /// <param name="socketPath">Where it listens meanwhile.</param>
    /// <param name="words">What QEMU has said in its log.</param>
    /// <param name="cancellation">Stops the feeding: the machine is of no use then.</param>
    public async Task LoadAsync(QmpClient qmp, string socketPath, Func<string> words, CancellationToken cancellation)
    {
        try
        {
            await qmp.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = $"unix:{socketPath}" }, cancellation);
            await FeedAsync(socketPath, cancellation);
            while (await StatusAsync(qmp, cancellation) is var status && status != "completed")
            {
                if (status is "failed" or "cancelled" or "")
                    throw MachineErrors.MemoryRefused(vm, path, words());
                await Task.Delay(Look, cancellation);
            }
        }
        // QEMU ends at once over a stream that it cannot load; why stands in its log.
        catch (MomentException lost) when (lost.ErrorId == QmpErrors.QmpConnectionLost)
        {
            throw MachineErrors.MemoryRefused(vm, path, words(), lost);
        }
        finally
        {
            File.Delete(socketPath);
        }
    }

    // migration/savevm.c: a stream ends with QEMU_VM_VMDESCRIPTION, the length of what follows in big-endian order, and a text of JSON.
    private static bool IsWhole(FileStream file)
    {
        byte[] tail = new byte[(int)Math.Min(file.Length, LongestDescription)];
        file.Seek(-tail.Length, SeekOrigin.End);
        file.ReadExactly(tail);
        for (int at = tail.AsSpan().IndexOf(Description); at >= 0 && at + 5 < tail.Length;)
        {
            if (tail[at + 5] == '{' && BinaryPrimitives.ReadUInt32BigEndian(tail.AsSpan(at + 1)) == tail.Length - at - 5)
                return true;
            int next = tail.AsSpan(at + 1).IndexOf(Description);
            at = next < 0 ? -1 : at + 1 + next;
        }

        return false;
    }

    private async Task FeedAsync(string socketPath, CancellationToken cancellation)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
            await using var stream = new NetworkStream(socket);
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
            await file.CopyToAsync(stream, Block, cancellation);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception broken) when (broken is SocketException || broken is IOException { InnerException: SocketException })
        {
            // QEMU hung up: what it thinks of the stream it tells by its state, or in its log.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the saved memory in", path);
        }
    }

    private static async Task<string> StatusAsync(QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-migrate", null, cancellation);
        return reply.TryGetProperty("status", out JsonElement status) ? status.GetString() ?? "" : "";
    }
}
