using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>What the lists share that have snapshots in them: the filters that only snapshots pass.</summary>
public abstract class SnapshotListCmdlet : MomentListCmdlet
{
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
        Online = Online,
        Offline = Offline,
        DiskOnly = DiskOnly,
        Internal = Internal,
        External = External,
    };
}
