using MomentTools.Errors;

namespace MomentTools.Cmdlets;

/// <summary>Where Restore-VMBackup is told to restore to: new files, a machine of its own, one that runs at once, or the machine's own disks.</summary>
/// <param name="Destination">The directory for new files, or null.</param>
/// <param name="AsDomain">The name of a new domain, or null.</param>
/// <param name="Format">Whether the format of new files is given.</param>
/// <param name="Chosen">Whether a machine, a backup or disks are given.</param>
internal sealed record RestoreChoice(string? Destination, string? AsDomain, bool Instant, bool Move, bool InPlace, bool Format, bool Chosen)
{
    private const string Ways = "-Destination DIRECTORY makes new files, with -AsDomain NAME a machine of its own, and with -Instant one that runs at once; -InPlace writes onto the machine's own disks.";

    public static MomentException OnlyMoved => CmdletErrors.Exclude(
        "move a machine off a backup", "-Move without -Instant is for one that runs on a backup already, which -AsDomain names, and takes nothing else but -Repository",
        "Leave the rest out, or add -Instant to start the machine first.");

    /// <summary>What is missing or does not go together, or null.</summary>
    public MomentException? Trouble => this switch
    {
        { Move: true, Instant: false } when Chosen || InPlace || Format || Destination is not null => OnlyMoved,
        { Move: true, Instant: false, AsDomain: null } => CmdletErrors.Missing("move a machine off a backup", "it is not said which machine", "Name the domain that runs on the backup with -AsDomain."),
        { Move: true, Instant: false } => null,
        { InPlace: true } when Instant || Format || Destination is not null || AsDomain is not null => CmdletErrors.Exclude(
            "restore the backup in place", "-InPlace writes onto the machine's own disks, and makes neither files nor a machine", "Leave -InPlace out, or give nothing else that says where to."),
        { InPlace: false, Destination: null } => CmdletErrors.Missing("restore the backup", "it is not said where to", Ways),
        { Instant: true, AsDomain: null } => CmdletErrors.Missing("run the backup at once", "no name for the new domain is given", "Name it with -AsDomain."),
        { Instant: true, Format: true } => CmdletErrors.Exclude(
            "run the backup at once", "-Format is for whole new files, and with -Instant what is new stands on the backup, in qcow2", "Leave out one of the two."),
        _ => null,
    };
}
