namespace MomentTools.Machines;

/// <summary>An image that QEMU has open (QAPI <c>BlockDeviceInfo</c>).</summary>
/// <param name="Name">The node.</param>
/// <param name="Format">Its driver: qcow2, raw, file, …</param>
/// <param name="Path">The file or block device behind it.</param>
/// <param name="Backing">The file of the image beneath it, or null.</param>
internal sealed record OpenNode(string Name, string Format, string Path, bool ReadOnly, string? Backing);
