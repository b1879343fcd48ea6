namespace MomentTools.Nbd;

/// <summary>NBD_CMD_WRITE_ZEROES with NBD_CMD_FLAG_NO_HOLE: the range reads as zeroes afterwards and counts as written, which a trim may not.</summary>
internal sealed class NbdWriteZeroesRequest(NbdEndpoint endpoint, long offset, uint length)
    : NbdRequest(endpoint, NbdNumbers.Command.WriteZeroes, (ulong)offset, length)
{
    protected override NbdNumbers.CommandFlags Flags => NbdNumbers.CommandFlags.NoHole;
}
