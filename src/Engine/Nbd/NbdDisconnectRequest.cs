namespace MomentTools.Nbd;

/// <summary>NBD_CMD_DISC: the one request without a reply.</summary>
internal sealed class NbdDisconnectRequest(NbdEndpoint endpoint) : NbdRequest(endpoint, NbdNumbers.Command.Disconnect, 0, 0);
