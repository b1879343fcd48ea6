using MomentTools.Errors;

namespace MomentTools.Operations.Snapshots;

/// <summary>What is not done to a machine that somebody else starts.</summary>
internal static class OwnerErrors
{
    public static readonly ErrorId OwnerNotAccepted = new("OwnerNotAccepted", ErrorKind.InvalidState);
    public static readonly ErrorId OwnerRestartsMachine = new("OwnerRestartsMachine", ErrorKind.Unsupported);
    public static readonly ErrorId FrozenLayerWritten = new("FrozenLayerWritten", ErrorKind.InvalidState);

    public static MomentException NotAccepted(string vm, string what) => new(
        OwnerNotAccepted,
        $"Cannot {what}: '{vm}' was started by somebody else, and afterwards it would run on another image file. Its owner's definition still names the old one; a restart from it would write to a file that snapshots stand on, and spoil them.",
        vm,
        $"Have the owner's definition name the new image from then on, then run the command again with -AcceptOwner; 'Get-VMDomain {vm}' shows which one it is. A restart on the old file is noticed, and everything on that disk stops.");

    public static MomentException Restarts(string vm, string what) => new(
        OwnerRestartsMachine,
        $"Cannot {what}: for that QEMU has to be started anew, and '{vm}' was started by somebody else.",
        vm,
        "Let its owner stop it; then register it with its definition (Register-VMDomain -Update -Path) and start it with Start-VMDomain, and it can be done. What needs no restart, such as a snapshot of the disks alone, can be done on it as it is.");

    public static MomentException Written(string vm, string operation, FrozenDamage damage, string stand) => new(
        FrozenLayerWritten,
        $"Cannot begin '{operation}': the image '{damage.Layer.Path}' of disk '{damage.Disk}' of '{vm}' is written no more since {stand}, and somebody did: {damage.Text}. Nothing is changed on a disk whose snapshots may be spoilt.",
        damage.Layer.Path,
        $"{(damage.IsOpen ? "Stop whoever writes there; a machine that was started on it has to be started on the disk's newest image. Then put" : "Put")} the file back from a copy, with its times; or 'Repair-VMMoment {vm}', with the machine stopped, accepts it as it is and marks the snapshots that are not what they were.");
}
