using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>What libvirt's filters take a snapshot's document for (virDomainSnapshotFilter, virDomainSnapshotIsExternal).</summary>
internal static class SnapshotReading
{
    public static SnapshotState MomentState(this SnapshotDocument document) => document.State switch
    {
        "shutoff" => SnapshotState.Shutoff,
        "disk-snapshot" => SnapshotState.DiskSnapshot,
        "paused" => SnapshotState.Paused,
        // Whatever else the machine did, its state was saved with it.
        _ => SnapshotState.Running,
    };

    /// <summary>libvirt's word for a state.</summary>
    public static string Word(SnapshotState state) => state switch
    {
        SnapshotState.Running => "running",
        SnapshotState.Paused => "paused",
        SnapshotState.Shutoff => "shutoff",
        _ => "disk-snapshot",
    };

    /// <summary>One external part makes the whole external: it cannot be gone back to with the image alone.</summary>
    public static SnapshotLocation MomentLocation(this SnapshotDocument document) => IsExternal(document) ? SnapshotLocation.External : SnapshotLocation.Internal;

    /// <summary>Where the parts lie, for people: "Internal", "External", or "Mixed".</summary>
    public static string LocationText(this SnapshotDocument document) =>
        !IsExternal(document) ? "Internal" : IsPartlyInternal(document) ? "Mixed" : "External";

    private static bool IsExternal(SnapshotDocument document) =>
        document.Memory is { Mode: SnapshotMode.External } || document.Disks.Any(disk => disk.MeantMode is SnapshotMode.External);

    private static bool IsPartlyInternal(SnapshotDocument document) =>
        document.Memory is { Mode: SnapshotMode.Internal } || document.Disks.Any(disk => disk.MeantMode is SnapshotMode.Internal);
}
