using System.Diagnostics.CodeAnalysis;

namespace MomentTools.Moments;

/// <summary>
/// What tells one moment of a domain from the others. An imported checkpoint and an imported snapshot may share a name
/// (libvirt allows it), so a name alone is not enough.
/// </summary>
internal sealed record MomentKey(MomentKind Kind, string Name)
{
    private const string CheckpointPrefix = "checkpoint:";
    private const string SnapshotPrefix = "snapshot:";

    /// <summary>Reads the address of one of two twins, "checkpoint:NAME" or "snapshot:NAME"; the prefix in any case.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out MomentKey? key)
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

        key = null;
        return false;
    }

    // Written out, as a class: what is generated for a structure, in dictionaries above all, is compiled anew in each process.
    public bool Equals(MomentKey? other) => other is not null && Kind == other.Kind && string.Equals(Name, other.Name, StringComparison.Ordinal);

    public override int GetHashCode() => (Name.GetHashCode(StringComparison.Ordinal) * 2) + (int)Kind;

    public override string ToString() => (Kind == MomentKind.Checkpoint ? CheckpointPrefix : SnapshotPrefix) + Name;
}
