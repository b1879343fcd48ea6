using MomentTools.Errors;

namespace MomentTools;

/// <summary>Failures of what is done with changed blocks in hand.</summary>
internal static class ChangedBlockErrors
{
    public static readonly ErrorId BlockWithoutContent = new("BlockWithoutContent", ErrorKind.InvalidState);
    public static readonly ErrorId BlocksOfSeveralMachines = new("BlocksOfSeveralMachines", ErrorKind.InvalidArgument);

    public static MomentException WithoutContent(VMChangedBlock block) => new(
        BlockWithoutContent, $"Cannot read {block.Length} bytes from {block.Offset} on of disk '{block.Disk}' of '{block.VM}': the block was asked for without its content.", block.Disk,
        "Ask with Get-VMChangedBlock -Read.");

    public static MomentException SeveralMachines(string one, string other) => new(
        BlocksOfSeveralMachines, $"Cannot put changed blocks of '{one}' and of '{other}' together: an offset means another thing on each machine.", other,
        "Give blocks of one machine. Its disks may be several: each is taken for itself.");
}
