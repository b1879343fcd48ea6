using MomentTools.Errors;

namespace MomentTools.Moments;

/// <summary>Failures of finding and listing moments.</summary>
internal static class MomentErrors
{
    public static readonly ErrorId MomentNotFound = new("MomentNotFound", ErrorKind.NotFound);
    public static readonly ErrorId MomentAmbiguous = new("MomentAmbiguous", ErrorKind.InvalidArgument);
    public static readonly ErrorId SegmentUnreadable = new("SegmentUnreadable", ErrorKind.CorruptData);
    public static readonly ErrorId JournalUnreadable = new("JournalUnreadable", ErrorKind.CorruptData);
    public static readonly ErrorId MomentFileInvalid = new("MomentFileInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId MomentParentMissing = new("MomentParentMissing", ErrorKind.CorruptData);
    public static readonly ErrorId MomentParentCycle = new("MomentParentCycle", ErrorKind.CorruptData);
    public static readonly ErrorId MomentCurrentMissing = new("MomentCurrentMissing", ErrorKind.CorruptData);
    public static readonly ErrorId MomentCurrentAmbiguous = new("MomentCurrentAmbiguous", ErrorKind.CorruptData);
    public static readonly ErrorId BranchFileInvalid = new("BranchFileInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId MomentExists = new("MomentExists", ErrorKind.AlreadyExists);
    public static readonly ErrorId MomentFilterInvalid = new("MomentFilterInvalid", ErrorKind.InvalidArgument);

    /// <summary>Says that no moment has this name, and which names are near.</summary>
    /// <param name="kind">The kind that was looked for, or null for either.</param>
    public static MomentException NotFound(string name, MomentTree tree, MomentKind? kind = null)
    {
        string what = kind switch { MomentKind.Checkpoint => "checkpoint", MomentKind.Snapshot => "snapshot", _ => "moment" };
        // Who asks for "snapshot:x" should be told of "x" and of "checkpoint:x".
        string wanted = MomentKey.TryParse(name, out MomentKey? key) ? key.Name : name;
        IEnumerable<string> names = NearNames.Find(wanted, tree.All.Select(moment => moment.Name));
        string[] near = [.. names.SelectMany(one => Mentions(tree.FindByName(one), wanted == name)).Distinct(StringComparer.Ordinal)];
        string advice = near.Length > 0 ? $"Did you mean {string.Join(" or ", near)}?"
            : tree.Count == 0 ? $"The domain has no {what}s yet."
            : "Get-VMMoment lists the moments of the domain.";
        string message = $"{(tree.Domain is { } domain ? $"Domain '{domain}' has" : "There is")} no {what} '{name}'. Names are matched exactly, upper and lower case included.";
        return new MomentException(MomentNotFound, message, name, advice);
    }

    // A name alone where that was given, and means one moment alone.
    private static IEnumerable<string> Mentions(IReadOnlyList<Moment> found, bool plain) =>
        found.Select(moment => plain && found.Count == 1 ? moment.Name : moment.Key.ToString());

    /// <summary>Says that a name means more than one moment.</summary>
    public static MomentException Ambiguous(string name, IReadOnlyList<Moment> found) =>
        new(
            MomentAmbiguous,
            $"The name '{name}' means more than one moment: {string.Join(" and ", found.Select(moment => moment.Key))}.",
            name,
            "Say which one with checkpoint:NAME or snapshot:NAME.");

    public static MomentException RootsWithFrom(MomentKey from) =>
        new(
            MomentFilterInvalid,
            $"Moments cannot be listed with -Roots and -From {from} together: what is below a moment is no root.",
            from.Name,
            "Leave one of the two out.");

    public static MomentException DescendantsWithoutFrom() =>
        new(
            MomentFilterInvalid,
            "Moments cannot be listed with -Descendants alone: it says how far -From reaches.",
            advice: "Name the moment to start at with -From.");

    /// <summary>Says that a second file claims to know the present state of a branch.</summary>
    public static MomentException SecondCurrent(string path, string used) =>
        new(
            MomentCurrentAmbiguous,
            $"Two files say what the present content of one branch descends from: '{used}', which is used, and '{path}', which is not.",
            path,
            "The second one is a copy. Remove it, or let Repair-VMMoment set it aside.");

    /// <summary>Says that the file of a branch that is not active speaks of what nobody knows.</summary>
    /// <param name="why">What is unknown, without a full stop.</param>
    public static MomentException BranchUnknown(string path, string why) =>
        new(
            BranchFileInvalid,
            $"The file '{path}' says where a branch is, but {why}. The branch is not used.",
            path,
            "Put the file back from a copy. Until it can be used, no image is collected.");
}
