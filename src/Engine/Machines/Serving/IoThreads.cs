using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>Machines whose disks are worked on by threads of their own (QAPI <c>iothread</c>).</summary>
internal static class IoThreads
{
    private const int Mended = 9;

    /// <summary>
    /// Whether a client that leaves may end the machine: where an export's node belongs to an I/O thread, QEMU before 9.0 ends with a failed
    /// assertion (<c>nbd_blockdev_client_closed</c>) when a client closes its connection, however it does.
    /// </summary>
    public static async Task<bool> EndsWithClientsAsync(QmpClient qmp, CancellationToken cancellation) =>
        qmp.Version.Major < Mended && (await qmp.ExecuteAsync("query-iothreads", null, cancellation)).GetArrayLength() > 0;
}
