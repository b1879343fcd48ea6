using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>Holds what is recorded of one disk against the disk. What one cause explains is told once. Pure.</summary>
internal sealed class DiskCheck
{
    private readonly DiskFacts _facts;
    private readonly DiskTracking _tracking;
    private readonly DiskLook _look;
    private readonly FindingList _findings;

    private DiskCheck(DiskFacts facts, DiskLook look, FindingList findings)
    {
        _facts = facts;
        _tracking = facts.Tracking;
        _look = look;
        _findings = findings;
    }

    public static void Run(DiskFacts facts, DiskLook look, FindingList findings) => new DiskCheck(facts, look, findings).Run();

    private void Run()
    {
        TrackingTip? tip = _tracking.ActiveTip;
        if (tip is not null && (IsOtherPath(_tracking.Layers[tip.LayerId].Path) || !CanBeRead()))
            return;
        if (_look.Header is { IsCorrupt: true })
            Add(FindingIds.ImageCorrupt, FindingList.Error,
                $"The image of disk '{_tracking.Disk}' ('{_look.Path}') says of itself that it is corrupt; QEMU opens it for reading only.",
                $"Stop the machine and run 'qemu-img check -r all {FindingList.Word(_look.Path)}' on a copy first; then on the image.");
        if ((_look.Live ?? _look.Stored) is not { } seen || (tip is not null && IsReplacedOrHeld(tip, seen)))
            return;
        int before = _findings.All.Count;
        BitmapCheck.RunActive(_facts with { Reason = _facts.Reason ?? OtherFile(tip) }, seen, _findings);
        bool replaced = _findings.All.Skip(before).Any(finding => finding.Id == FindingIds.ImageReplaced);
        if (tip is not null && !replaced)
        {
            SizeCheck.Run(_tracking, seen, _findings);
            LayerCheck.Run(_tracking, _look.Chain, _findings);
        }
    }

    private bool IsOtherPath(string recorded)
    {
        if (_look.LiveTrouble is { } trouble)
            Add(FindingIds.DiskChanged, FindingList.Error, $"{trouble.Message} Nothing is changed on a disk that somebody else switched.", $"{trouble.Advice} Then '{_findings.Repair}'.");
        else if (!FilePath.IsSame(recorded, _look.Path))
            Add(FindingIds.DiskChanged, FindingList.Error,
                $"Disk '{_tracking.Disk}' is '{_look.Path}' in the machine's definition, but its moments are on '{recorded}'. Nothing is changed on a disk that somebody else switched.",
                $"Put the recorded image back into the definition; if the other one is to stay, '{_findings.Repair}' begins its history anew.");
        else
            return false;
        return true;
    }

    private bool CanBeRead()
    {
        if (_look.Trouble is not { } trouble)
            return true;
        // A machine's files may be closed to this user while its monitor is not.
        if (_look.Live is not null && trouble.Kind == ErrorKind.AccessDenied)
            return true;
        if (trouble.ErrorId == FileErrors.FileMissing)
            Add(FindingIds.DiskMissing, FindingList.Error,
                $"The image of disk '{_tracking.Disk}' is not there: '{_look.Path}'.",
                "Put the file back, or restore it with Restore-VMBackup.");
        else
            Add(FindingIds.ImageUnreadable, FindingList.Error,
                $"The image of disk '{_tracking.Disk}' cannot be read, so nothing is known of its bitmaps. {trouble.Message}",
                $"{trouble.Advice ?? "Check the image with 'qemu-img check'."}");
        return false;
    }

    private bool IsReplacedOrHeld(TrackingTip tip, ObservedLayer seen)
    {
        bool marked = seen.Bitmaps.GetValueOrDefault(tip.Marker) is { Inconsistent: false, Recording: false };
        if (_look.Holder is { } holder)
            Add(FindingIds.ImageInUse, FindingList.Warning,
                $"The image of disk '{_tracking.Disk}' is open in {holder}, which is not known as this machine, so its bitmaps cannot be judged.",
                "Stop that process, or attach it with 'Register-VMDomain -Monitor' if it is this machine.");
        else if (!marked && _look.Discarded)
            Add(FindingIds.BitmapsDiscarded, FindingList.Error,
                $"A program that knows no bitmaps wrote to the image of disk '{_tracking.Disk}', so QEMU takes none of them for valid. What was written since '{_tracking.Current?.Name}' is not known; what is saved beside stays known.",
                $"'{_findings.Repair}' takes the saved copies, and records anew.");
        else if (_look is { Live: { } live, Stored: { } stored } && (live.Size != stored.Size || stored.Bitmaps.Values.Any(bitmap => !bitmap.Inconsistent)))
            Add(FindingIds.ImageReplaced, FindingList.Error,
                $"Under '{_look.Path}' lies another file than the one that QEMU has open for disk '{_tracking.Disk}': it was replaced while the machine runs, and what the guest writes goes into a file without a name.",
                "Save what the guest has, with Backup-VMDomain -Full, before you stop the machine.");
        else
            return false;
        return true;
    }

    // The mark is missing and another file lies here: that is why.
    private string? OtherFile(TrackingTip? tip) =>
        tip is not null && _tracking.Layers[tip.LayerId].Facts is { } then && _look.Chain[0].Facts is { } now && then.Inode != now.Inode
            ? "another file was put in its place"
            : null;

    private void Add(string id, string severity, string text, string remedy) => _findings.Add(id, severity, text, remedy, disk: _tracking.Disk, layer: _look.Path);
}
