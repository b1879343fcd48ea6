namespace MomentTools.Nbd;

/// <summary>
/// NBD_CMD_WRITE_ZEROES: the range reads as zeroes afterwards. With NBD_CMD_FLAG_NO_HOLE it also counts as written, which a trim may not.
/// </summary>
internal sealed class NbdWriteZeroesRequest(NbdEndpoint endpoint, long offset, uint length, NbdNumbers.CommandFlags flags)
    : NbdRequest(endpoint, NbdNumbers.Command.WriteZeroes, (ulong)offset, length)
{
    public override bool Changes => true;

    protected override NbdNumbers.CommandFlags Flags => flags;
}
