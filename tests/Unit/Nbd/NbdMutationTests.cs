using System.Collections.Concurrent;
using System.Diagnostics;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Nbd;

namespace MomentTools.Tests.Nbd;

/// <summary>A whole session's server bytes, damaged at random: whatever comes, the client ends in time, says why, and stays small.</summary>
[Collection(nameof(NbdMutationTests))]
public sealed class NbdMutationTests
{
    private const int Rounds = 10_000;
    private const int Batch = 50;

    // Bytes a session, tests' own included: no length that a server claims is allocated.
    private const long MaxAllocated = 100_000;

    private const string Bitmap = "qemu:dirty-bitmap:b";

    [Fact]
    public async Task NoDamageHangsOrBloatsTheClientOrPassesUnnamed()
    {
        var strange = new ConcurrentBag<string>();
        int[] outcomes = new int[2];
        await RunAsync(Session(structured: true), TimeSpan.FromSeconds(5), outcomes, strange);
        await RunAsync(Session(structured: false), TimeSpan.FromSeconds(5), outcomes, strange);
        Assert.Equal((2, 0), (outcomes[0], outcomes[1]));
        for (int first = 0; first < Rounds; first += Batch)
        {
            long before = GC.GetTotalAllocatedBytes();
            await Task.WhenAll(Enumerable.Range(first, Batch).Select(round => Task.Run(() => SurviveAsync(round, outcomes, strange))));
            long allocated = GC.GetTotalAllocatedBytes() - before;
            if (allocated > Batch * MaxAllocated)
                strange.Add($"seeds from {first} on allocated {allocated} bytes");
        }

        Assert.Empty(strange);
        // Both happen: damage in the data is not to be seen, damage elsewhere is.
        Assert.InRange(outcomes[0], 100, Rounds - 100);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnEndAtAnyByteFailsByName(bool structured)
    {
        byte[][] session = Session(structured);
        int length = session.Sum(part => part.Length);
        int[] outcomes = new int[2];
        var strange = new ConcurrentBag<string>();
        for (int at = 0; at < length; at++)
        {
            int left = at;
            byte[][] cut = [.. session.Select(part =>
            {
                byte[] kept = part[..Math.Min(left, part.Length)];
                left -= kept.Length;
                return kept;
            })];
            int last = Array.FindLastIndex(cut, part => part.Length > 0);
            await RunAsync(cut[..Math.Max(1, last + 1)], TimeSpan.FromSeconds(5), outcomes, strange).WaitAsync(TimeSpan.FromSeconds(5));
            Assert.True(outcomes[0] == 0, $"a session that ended at byte {at} of {length} went well");
        }

        Assert.Equal(length, outcomes[1]);
        Assert.Empty(strange);
    }

    private static async Task SurviveAsync(int round, int[] outcomes, ConcurrentBag<string> strange)
    {
        byte[][] session = Session(structured: round % 4 != 0);
        Damage(session, new Random(round));
        var clock = Stopwatch.StartNew();
        try
        {
            await RunAsync(session, TimeSpan.FromMilliseconds(5), outcomes, strange).WaitAsync(TimeSpan.FromSeconds(5));
        }
        catch (Exception failure)
        {
            strange.Add($"seed {round}: {failure}");
        }

        if (clock.ElapsedMilliseconds > 1000)
            strange.Add($"seed {round} took {clock.ElapsedMilliseconds} ms");
    }

    /// <summary>Opens an export, reads, asks for the bitmap, writes, zeroes and flushes; a named failure anywhere is fine.</summary>
    private static async Task RunAsync(byte[][] session, TimeSpan patience, int[] outcomes, ConcurrentBag<string> strange)
    {
        var options = new NbdOptions { HandshakeTimeout = TimeSpan.FromSeconds(10), DisconnectTimeout = TimeSpan.FromMilliseconds(5) };
        byte[] buffer = new byte[1024];
        try
        {
            await using NbdClient client = await NbdClient.ConnectAsync(
                new ScriptedStream(session, patience), new NbdEndpoint("test", "x"), [Bitmap], CancellationToken.None, options);
            await client.ReadAsync(0, buffer.AsMemory(0, 512), CancellationToken.None);
            if (client.Contexts.Count > 0)
            {
                ExtentMap dirty = await client.ReadDirtyBitmapAsync(client.Contexts[0], CancellationToken.None);
                if (dirty.Count > 0 && dirty[^1].End > client.Length)
                    strange.Add("dirty bytes behind the end");
            }

            await client.WriteAsync(0, buffer, CancellationToken.None);
            await client.ZeroAsync(512, 512, CancellationToken.None);
            await client.FlushAsync(CancellationToken.None);
            Interlocked.Increment(ref outcomes[0]);
        }
        catch (Exception failure) when (failure is MomentException or OperationCanceledException)
        {
            Interlocked.Increment(ref outcomes[1]);
        }
    }

    /// <summary>What an honest server sends in the handshake, and in reply to each request.</summary>
    private static byte[][] Session(bool structured)
    {
        Wire handshake = Wire.Greeting().Raw(Wire.OptionReply(8, structured ? 1 : 0x80000001, []).ToArray());
        if (structured)
            handshake.Raw(Wire.OptionReply(10, 4, new Wire().U32(1).Text(Bitmap).ToArray()).ToArray()).Raw(Wire.OptionReply(10, 1, []).ToArray());
        else
            handshake.Raw(Wire.OptionReply(10, 0x80000003, []).ToArray());
        handshake.Raw(Wire.OptionReply(7, 3, new Wire().U16(0).U64(4096).U16(0x45).ToArray()).ToArray())
            .Raw(Wire.OptionReply(7, 3, new Wire().U16(3).U32(1).U32(4096).U32(1 << 20).ToArray()).ToArray())
            .Raw(Wire.OptionReply(7, 1, []).ToArray());
        if (!structured)
            return [handshake.ToArray(), Wire.Simple(1, 0, new byte[512]).ToArray(), Wire.Simple(2, 0).ToArray(), Wire.Simple(3, 0).ToArray(), Wire.Simple(4, 0).ToArray()];
        Wire read = Wire.Data(1, 128, new byte[128], false).Raw(Wire.Hole(1, 0, 128, false).ToArray()).Raw(Wire.Data(1, 256, new byte[256], true).ToArray());
        byte[] status = Wire.Status(2, 1, true, (1024, 1), (1024, 0), (2048, 1)).ToArray();
        return [handshake.ToArray(), read.ToArray(), status, Wire.Done(3).ToArray(), Wire.Simple(4, 0).ToArray(), Wire.Done(5).ToArray()];
    }

    // Flips bits, plants the numbers at which arithmetic breaks, and drops, repeats or cuts off bytes.
    private static void Damage(byte[][] session, Random random)
    {
        byte[] planted = [0, 1, 0x7f, 0x80, 0xff];
        for (int wounds = random.Next(1, 5); wounds > 0; wounds--)
        {
            int part = random.Next(session.Length);
            byte[] bytes = session[part];
            if (bytes.Length == 0)
                continue;
            int at = random.Next(bytes.Length);
            int count = Math.Min(random.Next(1, 9), bytes.Length - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                case 2:
                    bytes.AsSpan(at, count).Fill(planted[random.Next(planted.Length)]);
                    break;
                case 3:
                    session[part] = [.. bytes[..at], .. bytes[(at + count)..]];
                    break;
                case 4:
                    session[part] = [.. bytes[..(at + count)], .. bytes[at..]];
                    break;
                default:
                    session[part] = bytes[..at];
                    break;
            }
        }
    }
}

/// <summary>Runs by itself, because it measures what is allocated and how long it takes.</summary>
[CollectionDefinition(nameof(NbdMutationTests), DisableParallelization = true)]
public sealed class NbdMutationCollection;
