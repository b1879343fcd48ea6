using System.Management.Automation;
using MomentTools.Cmdlets.Completion;

namespace MomentTools.Cmdlets;

/// <summary>Removes bitmaps that belong to no moment from the images of machines.</summary>
[Cmdlet(VerbsCommon.Remove, "VMBitmap", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveVMBitmapCommand : NamedCmdlet
{
    /// <summary>The bitmaps' names.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = NameSet)]
    [Alias("BitmapName")]
    [ArgumentCompleter(typeof(BitmapCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <summary>The disks that they are on.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NameSet)]
    [Alias("DiskName")]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Bitmap objects of a domain.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMBitmap")]
    [ValidateNotNullOrEmpty]
    public VMBitmap[] InputObject { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMBitmap bitmap in InputObject)
            Attempt(bitmap, () => Remove(bitmap.VM ?? throw CmdletErrors.BitmapOfNoDomain(bitmap.Name, bitmap.Path), bitmap.Disk!, bitmap.Name));
        ForEachDomain(VM, vm =>
        {
            foreach (string disk in Disk)
                foreach (string name in Name)
                    Attempt(name, () => Remove(vm, disk, name));
        });
    }

    private void Remove(string vm, string disk, string name)
    {
        if (ShouldProcess($"{vm}: bitmap '{name}' of disk '{disk}'", "Remove"))
            Run((report, cancellation) => Engine.RemoveBitmapAsync(vm, disk, name, report, cancellation));
    }
}
