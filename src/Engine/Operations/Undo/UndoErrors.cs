using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Undo;

/// <summary>Why something is not brought back, or a snapshot is not used for a while.</summary>
internal static class UndoErrors
{
    public static readonly ErrorId UndoNothing = new("UndoNothing", ErrorKind.NotFound);
    public static readonly ErrorId UndoExpired = new("UndoExpired", ErrorKind.InvalidState);
    public static readonly ErrorId UndoNameTaken = new("UndoNameTaken", ErrorKind.AlreadyExists);
    public static readonly ErrorId UseNested = new("UseNested", ErrorKind.InvalidState);
    public static readonly ErrorId UseReturnImpossible = new("UseReturnImpossible", ErrorKind.InvalidState);
    public static readonly ErrorId UseNoteInvalid = new("UseNoteInvalid", ErrorKind.CorruptData);

    public static MomentException Nothing(string vm, string? id, IReadOnlyList<KeptAside> kept) => new(
        UndoNothing,
        id is null
            ? $"Nothing can be undone on '{vm}': nothing is kept aside. Only the last restore or removal is kept, by default for an hour, and -UndoFor 0 keeps nothing."
            : $"Nothing is kept aside on '{vm}' under the id '{id}'{(kept.Count == 0 ? "" : $"; there is {string.Join(", ", kept.Select(one => $"'{one.Id}' of {one.Operation}"))}")}.",
        id ?? vm,
        $"'Get-VMSnapshot {vm} -Kept' lists what is kept.");

    public static MomentException Expired(string vm, KeptAside kept) => new(
        UndoExpired,
        $"{kept.Operation} on '{vm}' cannot be undone any more: what it discarded was kept until {kept.Until.ToLocalTime():yyyy-MM-dd HH:mm}, and may be gone in part.",
        kept.Id,
        "Next time keep it longer, with -UndoFor.");

    public static MomentException NameTaken(string vm, KeptAside kept, string what) => new(
        UndoNameTaken,
        $"{kept.Operation} on '{vm}' cannot be undone: {what} meanwhile.",
        kept.Id,
        "Give the newer one another name, or remove it; then run the command again. What is kept stays so until it expires.");

    public static MomentException Nested(string vm, string snapshot, string holder, bool own) => new(
        UseNested,
        $"Cannot use snapshot '{snapshot}' of '{vm}': {(own ? "this process" : holder)} is using one of its snapshots already, and the machine is on a temporary branch.",
        vm,
        own ? "A block of Use-VMSnapshot cannot use another snapshot of the same machine; end the outer one first." : "Wait until the other one has ended. If its process is dead, any changing command brings the machine back.");

    public static MomentException CannotReturn(string vm, string branch, string why) => new(
        UseReturnImpossible,
        $"'{vm}' could not be brought back to branch '{branch}': {why}",
        vm,
        $"The machine stays where it is, and nothing brings it back by itself any more: 'Get-VMBranch {vm}' lists the branches, Switch-VMBranch goes to the one where it belongs.");

    public static MomentException BrokenNote(string path, string why, Exception? inner = null) => new(
        UseNoteInvalid,
        $"The note '{path}' of a snapshot that is used for a while cannot be read: {why}.",
        path,
        "Move the file away. Then see with Get-VMBranch where the machine is, and go with Switch-VMBranch to the branch where it belongs.",
        inner);
}
