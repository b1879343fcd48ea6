using System.Buffers.Binary;
using MomentTools.Errors;
using static MomentTools.Nbd.NbdNumbers;

namespace MomentTools.Nbd;

/// <summary>What NBD_REP_INFO replies tell of an export, checked as it comes.</summary>
internal sealed class NbdExportInfo(NbdEndpoint endpoint)
{
    private const int BlockSizeLength = 14;
    private const int ExportLength = 12;
    private bool _described;

    public long Length { get; private set; }

    public ExportFlags Flags { get; private set; }

    public NbdBlockSizes BlockSizes { get; private set; } = NbdBlockSizes.Default;

    /// <summary>Takes one reply to NBD_OPT_GO. Kinds of information that are not known are passed over, as the protocol wants.</summary>
    public void Take(OptionReply type, ReadOnlySpan<byte> payload)
    {
        if (type != OptionReply.Info || payload.Length < 2)
            throw Violation($"NBD_OPT_GO is answered with reply type {(uint)type} of {payload.Length} bytes");
        switch ((Info)BinaryPrimitives.ReadUInt16BigEndian(payload))
        {
            case Info.Export:
                if (payload.Length != ExportLength)
                    throw Violation($"NBD_INFO_EXPORT has {payload.Length} bytes, not {ExportLength}");
                TakeExport(payload[2..]);
                break;
            case Info.BlockSize:
                if (payload.Length != BlockSizeLength)
                    throw Violation($"NBD_INFO_BLOCK_SIZE has {payload.Length} bytes, not {BlockSizeLength}");
                TakeBlockSizes(payload[2..]);
                break;
        }
    }

    /// <summary>Takes size and flags: 64 and 16 bits.</summary>
    public void TakeExport(ReadOnlySpan<byte> sizeAndFlags)
    {
        ulong size = BinaryPrimitives.ReadUInt64BigEndian(sizeAndFlags);
        if (size > long.MaxValue)
            throw Violation($"the export claims {size} bytes");
        Flags = (ExportFlags)BinaryPrimitives.ReadUInt16BigEndian(sizeAndFlags[8..]);
        if (!Flags.HasFlag(ExportFlags.HasFlags))
            throw Violation("the export's transmission flags lack NBD_FLAG_HAS_FLAGS");
        Length = (long)size;
        _described = true;
    }

    /// <summary>Refuses an export of which the server has told nothing.</summary>
    public void Verify()
    {
        if (!_described)
            throw Violation("NBD_OPT_GO was acknowledged without NBD_INFO_EXPORT");
    }

    private void TakeBlockSizes(ReadOnlySpan<byte> sizes)
    {
        var told = new NbdBlockSizes(
            BinaryPrimitives.ReadUInt32BigEndian(sizes), BinaryPrimitives.ReadUInt32BigEndian(sizes[4..]), BinaryPrimitives.ReadUInt32BigEndian(sizes[8..]));
        BlockSizes = told.AreSound ? told
            : throw Violation($"block sizes of {told.Minimum}, {told.Preferred} and {told.Maximum} bytes break the protocol's rules");
    }

    private MomentException Violation(string what) => NbdErrors.Violation(endpoint, what);
}
