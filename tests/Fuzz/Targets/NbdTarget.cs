using MomentTools.Blocks;
using MomentTools.Nbd;
using MomentTools.Tests.Nbd;

namespace MomentTools.Fuzz.Targets;

/// <summary>All that a server says in one session: the handshake with its options, structured and simple replies, block status, errors.</summary>
internal sealed class NbdTarget : IFuzzTarget
{
    private const string Bitmap = "qemu:dirty-bitmap:b";

    public string Name => "nbd";

    public int Inputs => 6000;

    public long MostBytes => 100_000;

    public int Together => 50;

    public FuzzInput Make(Random random)
    {
        byte[][] session = Session(structured: random.Next(4) != 0);
        for (int wounds = random.Next(1, 3); wounds > 0; wounds--)
        {
            int part = random.Next(session.Length);
            if (session[part].Length > 0)
                session[part] = ByteDamage.Of(session[part], random, [(0, session[part].Length)]);
        }

        return new FuzzInput(session);
    }

    public Task<bool> ReadAsync(FuzzInput input) => RunAsync([.. input.Parts], TimeSpan.FromMilliseconds(5));

    public void Dispose()
    {
    }

    /// <summary>Opens an export, reads, asks for the bitmap, writes, zeroes and flushes.</summary>
    /// <param name="patience">How long the server's next part waits for the request that it answers.</param>
    public static async Task<bool> RunAsync(byte[][] session, TimeSpan patience)
    {
        var options = new NbdOptions { HandshakeTimeout = TimeSpan.FromSeconds(10), DisconnectTimeout = TimeSpan.FromMilliseconds(5) };
        byte[] buffer = new byte[1024];
        await using NbdClient client = await NbdClient.ConnectAsync(new ScriptedStream(session, patience), new NbdEndpoint("test", "x"), [Bitmap], CancellationToken.None, options);
        await client.ReadAsync(0, buffer.AsMemory(0, 512), CancellationToken.None);
        if (client.Contexts.Count > 0)
        {
            ExtentMap dirty = await client.ReadDirtyBitmapAsync(client.Contexts[0], CancellationToken.None);
            FuzzFailure.When(dirty.Count > 0 && dirty[^1].End > client.Length, "dirty bytes behind the end");
        }

        await client.WriteAsync(0, buffer, CancellationToken.None);
        await client.ZeroAsync(512, 512, CancellationToken.None);
        await client.FlushAsync(CancellationToken.None);
        return true;
    }

    /// <summary>What an honest server sends in the handshake, and in reply to each request.</summary>
    public static byte[][] Session(bool structured)
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
}
