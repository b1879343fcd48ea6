using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>Which switches of New-VMSnapshot exclude each other, or mean nothing without another; each is refused by name.</summary>
internal static class SnapshotOptions
{
    public static void Check(CreateSnapshotRequest request, SnapshotDocument given, string name, SnapshotMode kind)
    {
        bool inside = kind == SnapshotMode.Internal, memory = request.Memory || request.MemoryPath is not null || given.Memory is { Mode: not SnapshotMode.No };
        Exclude(request.DiskOnly, "-DiskOnly", memory, request.MemoryPath is not null ? "-MemoryPath" : request.Memory ? "-Memory" : "<memory>", "the memory is either left out or saved");
        Exclude(request.DiskOnly, "-DiskOnly", request.Live, "-Live", "-Live is about how the memory is saved");
        Exclude(inside, "an internal snapshot", request.MemoryPath is not null || given.Memory is { Mode: SnapshotMode.External }, "a file for the memory", "its memory lies in the image of the first disk");
        Exclude(inside, "an internal snapshot", request.Live, "-Live", "QEMU saves a memory into an image only while the guest stands still");
        Exclude(inside, "an internal snapshot", request.Overlays.Count > 0, "-Overlay", "it has no new layers");
        Exclude(inside, "an internal snapshot", request.Prefix is not null, "-Prefix", "it has no new files");
        Exclude(inside, "an internal snapshot", request.ReuseExternal, "-ReuseExternal", "it has no new layers");
        Exclude(request.Quiesce, "-Quiesce", memory || request.Live, "a saved memory", "the guest would be frozen in it");
        Exclude(request.Redefine, "-Redefine", request.NoMetadata, "-NoMetadata", "nothing would be left of it");
        Exclude(request.Redefine, "-Redefine", Acts(request) is not null, Acts(request) ?? "", "it does nothing to the machine");
        Need(request.Current && !request.Redefine, "-Current", "-Redefine", "a new snapshot is current anyway");
        Need(request.Redefine && request.Xml is null && request.XmlPath is null, "-Redefine", "-Xml or -Path", "the description to be taken is missing");
        if (inside && name.All(char.IsAsciiDigit))
            throw new MomentException(XmlErrors.MomentNameInvalid, $"'{name}' cannot be the name of an internal snapshot: QEMU's tools take a number for the id of another one.", name, "Choose a name with a letter.");
        if (inside && name.Length > 0 && System.Text.Encoding.UTF8.GetByteCount(name) > 127)
            throw new MomentException(XmlErrors.MomentNameInvalid, $"'{name}' cannot be the name of an internal snapshot: QEMU keeps 127 bytes of it.", name, "Choose a shorter name.");
    }

    /// <summary>The first switch that is about a machine, or null.</summary>
    private static string? Acts(CreateSnapshotRequest request) =>
        request.DiskOnly ? "-DiskOnly" : request.Memory ? "-Memory" : request.MemoryPath is not null ? "-MemoryPath" : request.Internal ? "-Internal" : request.Live ? "-Live" : request.Halt ? "-Halt"
        : request.Quiesce ? "-Quiesce" : request.ReuseExternal ? "-ReuseExternal" : request.Overlays.Count > 0 ? "-Overlay" : request.Prefix is not null ? "-Prefix" : null;

    private static void Exclude(bool one, string oneName, bool other, string otherName, string why)
    {
        if (one && other)
            throw new MomentException(SnapshotCreationErrors.SnapshotOptionsExclusive, $"Cannot take a snapshot with {oneName} and {otherName}: {why}.", otherName, "Leave one of the two out.");
    }

    private static void Need(bool missing, string one, string other, string why)
    {
        if (missing)
            throw new MomentException(SnapshotCreationErrors.SnapshotOptionsExclusive, $"Cannot use {one} without {other}: {why}.", one, $"Give {other} as well, or leave {one} out.");
    }
}
