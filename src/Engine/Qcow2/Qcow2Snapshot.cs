using System.Globalization;

namespace MomentTools.Qcow2;

/// <summary>An internal snapshot as the image lists it (specification: "Snapshots").</summary>
/// <param name="Id">The unique id, a number in text for QEMU's own.</param>
/// <param name="Name">The name the user gave.</param>
/// <param name="Created">When it was taken.</param>
/// <param name="VmClock">How long the guest had been running.</param>
/// <param name="VmStateSize">The saved memory in bytes; 0 for disks alone.</param>
/// <param name="DiskSize">The virtual size in bytes when it was taken.</param>
/// <param name="L1TableOffset">Where its L1 table lies.</param>
/// <param name="L1Size">The number of entries of its L1 table.</param>
internal sealed record Qcow2Snapshot(
    string Id,
    string Name,
    DateTimeOffset Created,
    TimeSpan VmClock,
    long VmStateSize,
    long DiskSize,
    HostOffset L1TableOffset,
    int L1Size)
{
    /// <summary>Tells it from another one under its name: ids are given again, instants are not.</summary>
    public string Identity => string.Create(CultureInfo.InvariantCulture, $"{Id} {Created:O} {VmClock.Ticks}");
}
