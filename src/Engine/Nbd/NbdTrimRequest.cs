namespace MomentTools.Nbd;

/// <summary>NBD_CMD_TRIM: the range is no longer needed; what it reads as afterwards is not said.</summary>
internal sealed class NbdTrimRequest(NbdEndpoint endpoint, long offset, uint length)
    : NbdRequest(endpoint, NbdNumbers.Command.Trim, (ulong)offset, length)
{
    public override bool Changes => true;
}
