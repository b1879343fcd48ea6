using System.Globalization;
using System.Text;
using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>
/// Which names moments and domains may have, checked alike at every door. Names become names of files and of
/// bitmaps, and are written at prompts, where <c>* ? [ ]</c> are wildcards.
/// </summary>
internal static class MomentNames
{
    /// <summary>The longest name in bytes of UTF-8: with prefix and suffix it still fits a file name.</summary>
    public const int MaxBytes = 200;

    /// <summary>How the names of branches begin that nobody made: states that are kept aside for a while.</summary>
    public const string HiddenBranchPrefix = "mt-";

    /// <summary>Refuses a name that libvirt would not take for a checkpoint: <c>[a-zA-Z0-9_-][a-zA-Z0-9_.-]*</c>.</summary>
    public static void CheckCheckpoint(string name) => Throw(CheckpointRule(name), XmlErrors.MomentNameInvalid, "a checkpoint", name);

    /// <summary>Refuses a name that no snapshot may have.</summary>
    public static void CheckSnapshot(string name) => Throw(SnapshotRule(name), XmlErrors.MomentNameInvalid, "a snapshot", name);

    /// <summary>Refuses a name that no block snapshot may have.</summary>
    public static void CheckBlockSnapshot(string name) => Throw(BlockSnapshotRule(name), XmlErrors.MomentNameInvalid, "a block snapshot", name);

    /// <summary>Refuses a name that no branch may have.</summary>
    public static void CheckBranch(string name) => Throw(BranchRule(name), XmlErrors.BranchNameInvalid, "a branch", name);

    /// <summary>Refuses a name of a domain that is not safe as the name of its directory.</summary>
    public static void CheckDomain(string name) => Throw(DomainRule(name), XmlErrors.DomainNameInvalid, "a domain", name);

    /// <summary>The rule that the name of a checkpoint breaks, without a full stop, or null.</summary>
    public static string? CheckpointRule(string name) => PlainRule(name)
        ?? (IsPlain(name) ? null : "a checkpoint's name may have only letters a to z, digits, '_', '-' and '.'");

    /// <summary>The rule that the name of a snapshot breaks, without a full stop, or null.</summary>
    public static string? SnapshotRule(string name) => PlainRule(name)
        ?? (name.AsSpan().ContainsAny("*?[]") ? "the wildcard characters * ? [ ] are not allowed" : null);

    /// <summary>The rule that the name of a block snapshot breaks, without a full stop, or null: that of snapshots.</summary>
    public static string? BlockSnapshotRule(string name) => SnapshotRule(name);

    /// <summary>The rule that the name of a branch breaks, without a full stop, or null: that of snapshots, and ours are not to be had.</summary>
    public static string? BranchRule(string name) => SnapshotRule(name)
        ?? (name.StartsWith(HiddenBranchPrefix, StringComparison.OrdinalIgnoreCase) ? $"names that begin with '{HiddenBranchPrefix}' are those of states that are kept aside" : null);

    /// <summary>The rule that the name of a domain breaks, without a full stop, or null.</summary>
    public static string? DomainRule(string name) => PlainRule(name);

    /// <summary>Whether a text has only letters a to z, digits, '_', '-' and '.'.</summary>
    public static bool IsPlain(string text)
    {
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
                return false;
        }

        return true;
    }

    private static string? PlainRule(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (string.IsNullOrWhiteSpace(name))
            return "a name may not be empty or blank";
        if (name.Length > MaxBytes || Encoding.UTF8.GetByteCount(name) > MaxBytes)
            return $"a name may have at most {MaxBytes} bytes";
        if (name[0] == '.')
            return "a name may not begin with '.'";
        if (name.Contains('/', StringComparison.Ordinal))
            return "'/' is not allowed";
        if (!name.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return null;
        foreach (Rune rune in name.EnumerateRunes())
            // A lone surrogate shows as U+FFFD, which no honest name has either.
            if (rune.Value is 0xFFFD or 0xFFFE or 0xFFFF || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                return "control characters and characters that are not text are not allowed";
        return null;
    }

    private static void Throw(string? rule, ErrorId id, string what, string name)
    {
        if (rule is not null)
            throw new MomentException(id, $"{XmlErrors.Quote(name)} cannot be the name of {what}: {rule}.", name, "Choose another name.");
    }
}
