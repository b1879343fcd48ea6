using System.Management.Automation;
using MomentTools.Cmdlets.Completion;
using MomentTools.Cmdlets.Views;

namespace MomentTools.Cmdlets;

/// <summary>Removes block snapshots and their scratch files; the machine's disks stay as they are.</summary>
[Cmdlet(VerbsCommon.Remove, "VMBlockSnapshot", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMBlockSnapshot))]
public sealed class RemoveVMBlockSnapshotCommand : NamedCmdlet
{
    /// <summary>The block snapshots' names, with wildcards.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("SnapshotName", "BlockSnapshotName")]
    [ArgumentCompleter(typeof(BlockSnapshotCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Block snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBlockSnapshot")]
    [ValidateNotNullOrEmpty]
    public VMBlockSnapshot[] InputObject { get; set; } = [];

    /// <summary>Give the block snapshots that were removed.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMBlockSnapshot given in InputObject)
            Attempt(given, () => Remove(given.VM, given.Name));
        ForEachDomain(VM, vm =>
        {
            foreach (string name in Name)
                Attempt(name, () => Remove(vm, name));
        });
    }

    private void Remove(string vm, string name)
    {
        foreach (VMBlockSnapshot snapshot in Run((report, cancellation) => Engine.GetBlockSnapshotsAsync(vm, [name], report, cancellation)))
            Attempt(snapshot, () => Remove(snapshot));
    }

    private void Remove(VMBlockSnapshot snapshot)
    {
        if (!ShouldProcess($"{snapshot.VM}: block snapshot '{snapshot.Name}'", Action(snapshot)))
            return;
        Run((report, cancellation) => Engine.RemoveBlockSnapshotAsync(snapshot.VM, snapshot.Name, report, cancellation));
        if (PassThru)
            WriteObject(snapshot);
    }

    private static string Action(VMBlockSnapshot snapshot)
    {
        string[] files = [.. snapshot.Disks.Select(disk => disk.ScratchPath).OfType<string>()];
        return files.Length == 0 ? "Remove" : $"Remove, with {ByteText.Of(snapshot.Disks.Sum(disk => disk.ScratchBytes ?? 0))} in {Listed([.. files.Select(path => $"'{path}'")])}";
    }
}
