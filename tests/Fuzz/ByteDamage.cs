using System.Buffers.Binary;

namespace MomentTools.Fuzz;

/// <summary>Breaks bytes in one to four places: bits, and the numbers at which arithmetic breaks, big-endian and of every width.</summary>
internal static class ByteDamage
{
    /// <summary>A damaged copy.</summary>
    /// <param name="places">Where damage goes: what decides what else is read. At least one.</param>
    public static byte[] Of(byte[] sound, Random random, IReadOnlyList<(int Offset, int Length)> places)
    {
        byte[] damaged = [.. sound];
        for (int hits = random.Next(1, 5); hits > 0; hits--)
        {
            int at = Place(damaged.Length, random, places);
            Hit(damaged, random.Next(2) == 0 ? at : at & ~7, damaged.AsSpan(Place(damaged.Length, random, places)), random);
        }

        return random.Next(12) switch
        {
            0 => damaged[..random.Next(damaged.Length)],
            1 => [.. damaged, .. damaged[random.Next(damaged.Length)..]],
            _ => damaged,
        };
    }

    private static int Place(int length, Random random, IReadOnlyList<(int Offset, int Length)> places)
    {
        (int offset, int size) = places[random.Next(places.Count)];
        return Math.Clamp(offset + random.Next(Math.Max(1, size)), 0, length - 1);
    }

    private static void Hit(byte[] bytes, int at, ReadOnlySpan<byte> elsewhere, Random random)
    {
        Span<byte> number = bytes.AsSpan(at, Math.Min(1 << random.Next(4), bytes.Length - at));
        switch (random.Next(7))
        {
            case 0:
                number[0] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                random.NextBytes(number);
                break;
            case 2:
                number.Fill((byte)(random.Next(2) * 255));
                break;
            // What one place says, said in another one: the way to circles, and to two that share a thing.
            case 3:
                elsewhere[..Math.Min(elsewhere.Length, number.Length)].CopyTo(number);
                break;
            // A place in the file or near its end.
            case 4:
                Write(number, random.Next(3) == 0 ? bytes.Length + random.Next(-2, 3) : random.Next(bytes.Length) & -512);
                break;
            case 5:
                Write(number, (1L << random.Next(64)) + random.Next(-1, 2));
                break;
            default:
                Write(number, Near(BinaryPrimitives.ReadInt64BigEndian(Padded(number)), random));
                break;
        }
    }

    private static long Near(long value, Random random) => random.Next(4) switch
    {
        0 => unchecked(value + 1),
        1 => unchecked(value - 1),
        2 => unchecked(value * 2),
        _ => unchecked(-value),
    };

    private static byte[] Padded(ReadOnlySpan<byte> number) => [.. new byte[8 - number.Length], .. number];

    private static void Write(Span<byte> number, long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        bytes[^number.Length..].CopyTo(number);
    }
}
