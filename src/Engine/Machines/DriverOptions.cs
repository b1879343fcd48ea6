using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>How a disk's images are opened: <c>&lt;driver&gt;</c> of libvirt in the words of QAPI's BlockdevOptions.</summary>
/// <param name="Direct">Past the host's page cache (<c>cache.direct</c>).</param>
/// <param name="NoFlush">Flushes are ignored (<c>cache.no-flush</c>): a crash may destroy the image.</param>
/// <param name="Discard"><c>unmap</c> or <c>ignore</c>; null for QEMU's default.</param>
/// <param name="DetectZeroes"><c>off</c>, <c>on</c> or <c>unmap</c>; null for QEMU's default.</param>
/// <param name="Aio"><c>threads</c>, <c>native</c> or <c>io_uring</c>; null for QEMU's default.</param>
internal sealed record DriverOptions(bool? Direct = null, bool? NoFlush = null, string? Discard = null, string? DetectZeroes = null, string? Aio = null)
{
    /// <summary>QEMU's defaults for everything.</summary>
    public static readonly DriverOptions Default = new();

    /// <summary>What a disk's driver asks for; each value was checked when the disk was translated.</summary>
    public static DriverOptions Of(DomainDisk disk) => new(
        disk.Cache switch { null or "default" => null, "none" or "directsync" => true, _ => false },
        disk.Cache switch { null or "default" => null, "unsafe" => true, _ => false },
        disk.Discard,
        // QEMU refuses to unmap zeroes where discards are not let through; libvirt then only writes them as zeroes.
        disk is { DetectZeroes: "unmap", Discard: not "unmap" } ? "on" : disk.DetectZeroes,
        disk.Io);
}
