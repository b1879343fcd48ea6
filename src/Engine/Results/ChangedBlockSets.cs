namespace MomentTools;

/// <summary>Sets of changed blocks, disk by disk. Pure, and linear in the number of blocks that come in order.</summary>
internal static class ChangedBlockSets
{
    /// <param name="left">One list.</param>
    /// <param name="right">The other.</param>
    /// <param name="onlyLeft">Whether what is in the first list alone stays.</param>
    /// <param name="both">Whether what is in both stays.</param>
    /// <param name="onlyRight">Whether what is in the second list alone stays.</param>
    public static VMChangedBlock[] Combine(VMChangedBlock[]? left, VMChangedBlock[]? right, bool onlyLeft, bool both, bool onlyRight)
    {
        VMChangedBlock[] first = [.. (left ?? []).Where(block => block is not null)], second = [.. (right ?? []).Where(block => block is not null)];
        RequireOneMachine(first, second);
        ILookup<string, VMChangedBlock> lefts = first.ToLookup(block => block.Disk, StringComparer.Ordinal), rights = second.ToLookup(block => block.Disk, StringComparer.Ordinal);
        List<VMChangedBlock> result = [];
        foreach (string disk in first.Concat(second).Select(block => block.Disk).Distinct(StringComparer.Ordinal))
            Combine(InOrder([.. lefts[disk]]), InOrder([.. rights[disk]]), onlyLeft, both, onlyRight, result);
        return [.. result];
    }

    private static void RequireOneMachine(VMChangedBlock[] left, VMChangedBlock[] right)
    {
        if (left.Concat(right).FirstOrDefault() is { } first && left.Concat(right).FirstOrDefault(block => block.VM != first.VM) is { } other)
            throw ChangedBlockErrors.SeveralMachines(first.VM, other.VM);
    }

    // A list may have been put together out of several: then its parts are united first.
    private static List<VMChangedBlock> InOrder(VMChangedBlock[] blocks)
    {
        int disorder = -1;
        for (int at = 1; at < blocks.Length && disorder < 0; at++)
            if (blocks[at].Offset < End(blocks[at - 1]))
                disorder = at;
        if (disorder < 0)
            return [.. blocks];
        List<VMChangedBlock> united = [];
        Combine(InOrder(blocks[..disorder]), InOrder(blocks[disorder..]), true, true, true, united);
        return united;
    }

    private static void Combine(List<VMChangedBlock> left, List<VMChangedBlock> right, bool onlyLeft, bool both, bool onlyRight, List<VMChangedBlock> result)
    {
        long at = 0;
        for (int one = 0, other = 0; one < left.Count || other < right.Count;)
        {
            VMChangedBlock? first = one < left.Count ? left[one] : null, second = other < right.Count ? right[other] : null;
            long firstStart = Start(first, at), secondStart = Start(second, at);
            long start = Math.Min(firstStart, secondStart);
            bool inFirst = firstStart == start, inSecond = secondStart == start;
            long end = Math.Min(inFirst ? End(first!) : firstStart, inSecond ? End(second!) : secondStart);
            if (inFirst && inSecond ? both : inFirst ? onlyLeft : onlyRight)
                Add(result, Piece(inFirst ? first! : second!, inFirst && inSecond ? second : null, start, end));
            at = end;
            if (inFirst && end == End(first!))
                one++;
            if (inSecond && end == End(second!))
                other++;
        }
    }

    private static long Start(VMChangedBlock? block, long at) => block is null ? long.MaxValue : Math.Max(block.Offset, at);

    private static long End(VMChangedBlock block) => block.Offset + block.Length;

    // What can be read is the first one's content, and then the kind is what that content is.
    private static VMChangedBlock Piece(VMChangedBlock block, VMChangedBlock? other, long start, long end)
    {
        VMChangedBlock owner = block.Content is null && other?.Content is not null ? other : block;
        string kind = other is null || owner.Content is not null ? owner.Kind
            : block.Kind == VMChangedBlock.Data || other.Kind == VMChangedBlock.Data ? VMChangedBlock.Data
            : block.Kind == VMChangedBlock.Zero || other.Kind == VMChangedBlock.Zero ? VMChangedBlock.Zero
            : block.Kind;
        return owner.Offset == start && owner.Length == end - start && owner.Kind == kind ? owner : owner with { Offset = start, Length = end - start, Kind = kind };
    }

    private static void Add(List<VMChangedBlock> result, VMChangedBlock block)
    {
        if (result.Count > 0 && result[^1] is var last && End(last) == block.Offset && last.Disk == block.Disk && last.Kind == block.Kind && ReferenceEquals(last.Content, block.Content))
            result[^1] = last with { Length = last.Length + block.Length };
        else
            result.Add(block);
    }
}
