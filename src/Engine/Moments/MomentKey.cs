using System.Diagnostics.CodeAnalysis;

namespace MomentTools.Moments;

/// <summary>
/// What tells one moment of a domain from the others. An imported checkpoint and an imported snapshot may share a name
/// (libvirt allows it), so a name alone is not enough.
/// </summary>
internal readonly record struct MomentKey(MomentKind Kind, string Name)
{
    private const string CheckpointPrefix = "checkpoint:";
    private const string SnapshotPrefix = "snapshot:";

    /// <summary>Reads the address of one of two twins, "checkpoint:NAME" or "snapshot:NAME"; the prefix in any case.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out MomentKey key)
    {
        if (text is not null && text.StartsWith(CheckpointPrefix, StringComparison.OrdinalIgnoreCase))
        {
            key = new MomentKey(MomentKind.Checkpoint, text[CheckpointPrefix.Length..]);
            return true;
        }

        if (text is not null && text.StartsWith(SnapshotPrefix, StringComparison.OrdinalIgnoreCase))
        {
            key = new MomentKey(MomentKind.Snapshot, text[SnapshotPrefix.Length..]);
            return true;
        }

        key = default;
        return false;
    }

    public override string ToString() => (Kind == MomentKind.Checkpoint ? CheckpointPrefix : SnapshotPrefix) + Name;
}
