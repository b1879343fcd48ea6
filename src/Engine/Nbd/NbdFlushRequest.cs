namespace MomentTools.Nbd;

/// <summary>NBD_CMD_FLUSH: answered once all writes that were acknowledged before are on stable storage.</summary>
internal sealed class NbdFlushRequest(NbdEndpoint endpoint) : NbdRequest(endpoint, NbdNumbers.Command.Flush, 0, 0);
