using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Gets the moments of machines: checkpoints and snapshots.</summary>
[Cmdlet(VerbsCommon.Get, "VMMoment")]
[OutputType(typeof(VMCheckpoint), typeof(VMSnapshot))]
public sealed class GetVMMomentCommand : MomentListCmdlet
{
    /// <summary>Only this kind; the tree is then the one of this kind.</summary>
    [Parameter]
    [Alias("Type")]
    [ValidateSet("Checkpoint", "Snapshot")]
    public string? Kind { get; set; }

    /// <summary>Snapshots of a running machine.</summary>
    [Parameter]
    public SwitchParameter Online { get; set; }

    /// <summary>Snapshots of a stopped machine.</summary>
    [Parameter]
    public SwitchParameter Offline { get; set; }

    /// <summary>Snapshots without the machine's state.</summary>
    [Parameter]
    public SwitchParameter DiskOnly { get; set; }

    /// <summary>Snapshots inside the images.</summary>
    [Parameter]
    public SwitchParameter Internal { get; set; }

    /// <summary>Snapshots as layers.</summary>
    [Parameter]
    public SwitchParameter External { get; set; }

    private protected override MomentQuery Narrow(MomentQuery query) => query with
    {
        Kind = Kind,
        Online = Online,
        Offline = Offline,
        DiskOnly = DiskOnly,
        Internal = Internal,
        External = External,
    };
}
