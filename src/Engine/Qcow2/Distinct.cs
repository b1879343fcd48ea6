namespace MomentTools.Qcow2;

/// <summary>Finds tables that name one cluster twice, which no sound image does and which would let a small file stand for a huge one.</summary>
internal static class Distinct
{
    /// <summary>A non-zero offset that occurs more than once under the mask, or null.</summary>
    public static ulong? FirstRepeated(ReadOnlySpan<ulong> table, ulong mask)
    {
        int count = 0;
        foreach (ulong entry in table)
            count += (entry & mask) == 0 ? 0 : 1;
        if (count < 2)
            return null;
        ulong[] offsets = new ulong[count];
        int at = 0;
        foreach (ulong entry in table)
        {
            if ((entry & mask) != 0)
                offsets[at++] = entry & mask;
        }

        Array.Sort(offsets);
        for (int next = 1; next < offsets.Length; next++)
        {
            if (offsets[next] == offsets[next - 1])
                return offsets[next];
        }

        return null;
    }
}
