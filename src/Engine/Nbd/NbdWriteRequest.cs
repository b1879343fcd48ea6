namespace MomentTools.Nbd;

/// <summary>NBD_CMD_WRITE: the caller's bytes go out behind the header, and are the caller's again once the request has been sent.</summary>
internal sealed class NbdWriteRequest(NbdEndpoint endpoint, long offset, ReadOnlyMemory<byte> data, NbdNumbers.CommandFlags flags)
    : NbdRequest(endpoint, NbdNumbers.Command.Write, (ulong)offset, (uint)data.Length)
{
    public override ReadOnlyMemory<byte> Payload => data;

    public override bool Changes => true;

    protected override NbdNumbers.CommandFlags Flags => flags;
}
