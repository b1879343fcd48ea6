using MomentTools.Errors;

namespace MomentTools.Moments;

/// <summary>One thing that the metadata of a domain's moments gets wrong. It costs a link, never a moment's neighbours.</summary>
/// <param name="Moment">The moment it is about.</param>
/// <param name="Message">What is wrong and what was made of it, in whole sentences.</param>
internal sealed record MomentTreeFault(MomentTreeFaultKind Kind, MomentKey Moment, string Message)
{
    public static MomentTreeFault Duplicate(MomentKey key) =>
        new(MomentTreeFaultKind.Duplicate, key, $"More than one file claims to be {key}. The first is used.");

    public static MomentTreeFault ParentMissing(MomentKey key, MomentKey parent) =>
        new(
            MomentTreeFaultKind.ParentMissing,
            key,
            $"The parent of {key}, {parent}, does not exist or cannot be read. The moment is shown as a root.");

    public static MomentTreeFault Cycle(MomentKey key, MomentKey parent) =>
        new(
            MomentTreeFaultKind.Cycle,
            key,
            $"The parents of {key} lead over {parent} back to itself. As the oldest of the circle it is shown as a root.");

    public static MomentTreeFault CurrentMissing(MomentKey key, string disk) =>
        new(
            MomentTreeFaultKind.CurrentMissing,
            key,
            $"The current moment of disk {disk}, {key}, does not exist or cannot be read. The disk is shown without one.");

    public static MomentTreeFault CurrentMissing(MomentKey key) =>
        new(
            MomentTreeFaultKind.CurrentMissing,
            key,
            $"The moment that was set as the current one, {key}, does not exist or cannot be read. What the disks were taken at last is shown as current.");

    /// <summary>The fault as an error of its own id.</summary>
    public MomentException ToException() => new(
        Kind switch
        {
            MomentTreeFaultKind.ParentMissing => MomentErrors.MomentParentMissing,
            MomentTreeFaultKind.Cycle => MomentErrors.MomentParentCycle,
            MomentTreeFaultKind.CurrentMissing => MomentErrors.MomentCurrentMissing,
            _ => MomentErrors.MomentFileInvalid,
        },
        Message,
        Moment.Name,
        "Test-VMMoment -Detailed says what can be done; Repair-VMMoment does it.");
}
