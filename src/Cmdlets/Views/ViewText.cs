using System.Globalization;
using System.Management.Automation;

namespace MomentTools.Cmdlets.Views;

/// <summary>
/// What the views show in place of a number or a list; MomentTools.Types.ps1xml names these methods as hidden members.
/// The properties themselves stay numbers, times and objects.
/// </summary>
public static class ViewText
{
    /// <summary>The property Size, or nothing where it is not known.</summary>
    public static string Size(PSObject value) => Bytes(value, "Size");

    /// <summary>The property StoredSize.</summary>
    public static string StoredSize(PSObject value) => Bytes(value, "StoredSize");

    /// <summary>The property CopiedBytes.</summary>
    public static string CopiedBytes(PSObject value) => Bytes(value, "CopiedBytes");

    /// <summary>The property DiskSize.</summary>
    public static string DiskSize(PSObject value) => Bytes(value, "DiskSize");

    /// <summary>The property Written.</summary>
    public static string Written(PSObject value) => Bytes(value, "Written");

    /// <summary>The property WrittenBytes.</summary>
    public static string WrittenBytes(PSObject value) => Bytes(value, "WrittenBytes");

    /// <summary>The property Granularity.</summary>
    public static string Granularity(PSObject value) => Bytes(value, "Granularity");

    /// <summary>The property Length.</summary>
    public static string Length(PSObject value) => Bytes(value, "Length");

    /// <summary>The property Bytes.</summary>
    public static string Changed(PSObject value) => Bytes(value, "Bytes");

    /// <summary>The property Name, where it is not one of ours.</summary>
    public static string Name(PSObject value) => Plain(value, "Name", PlainText.OfName);

    /// <summary>The property Path.</summary>
    public static string Path(PSObject value) => Plain(value, "Path", PlainText.OfName);

    /// <summary>The property Description.</summary>
    public static string Description(PSObject value) => Plain(value, "Description", PlainText.Of);

    /// <summary>The property Layer.</summary>
    public static string Layer(PSObject value) => Plain(value, "Layer", PlainText.OfName);

    /// <summary>The bitmaps that a finding is about.</summary>
    public static string Bitmaps(PSObject value) => Object(value) is VMMomentFinding finding ? string.Join(", ", finding.Bitmaps.Select(PlainText.OfName)) : "";

    /// <summary>How much differs between two moments; or, in the session's colour of errors, that it is not known: the property Reason says why.</summary>
    public static string Differs(PSObject value) => Object(value) switch
    {
        VMMomentComparison { Known: true } => Bytes(value, "Bytes"),
        VMMomentComparison { Relation: not VMMomentRelation.NotCovered } => SessionStyle.Error("! unknown"),
        _ => "",
    };

    /// <summary>The property Created in local time, to the minute.</summary>
    public static string Created(PSObject value) => Object(value) switch
    {
        VMMoment { Created: { } created } => Minute(created),
        VMBackup backup => Minute(backup.Created),
        VMBranch { Created: { } created } => Minute(created),
        VMBlockSnapshot snapshot => Minute(snapshot.Created),
        _ => "",
    };

    /// <summary>What the scratch files take now, and what they may take where that is limited for each.</summary>
    public static string Scratch(PSObject value)
    {
        VMBlockSnapshotDisk[] disks = [.. (Object(value) switch
        {
            VMBlockSnapshot snapshot => snapshot.Disks,
            VMBlockSnapshotDisk disk => [disk],
            _ => [],
        }).Where(disk => disk.ScratchPath is not null)];
        if (disks.Length == 0)
            return "";
        string used = disks.Any(disk => disk.ScratchBytes is null) ? "?" : ByteText.Of(disks.Sum(disk => disk.ScratchBytes ?? 0));
        return disks.Any(disk => disk.ScratchLimit is null) ? used : $"{used} of {ByteText.Of(disks.Sum(disk => disk.ScratchLimit ?? 0))}";
    }

    /// <summary>Whether a block snapshot can be read, in the session's colour of errors where not; the property Reason says why.</summary>
    public static string ServiceState(PSObject value) => (Object(value) switch
    {
        VMBlockSnapshot snapshot => snapshot.State,
        VMBlockSnapshotDisk disk => disk.State,
        _ => (VMServiceState?)null,
    }) switch
    {
        null => "",
        VMServiceState.Ready => nameof(VMServiceState.Ready),
        { } trouble => SessionStyle.Error(trouble.ToString()),
    };

    /// <summary>Bytes that come free by what becomes of a backup, about; more is taken where there is a minus.</summary>
    public static string Freed(PSObject value) => Object(value) is VMBackupPlan { FreedBytes: not 0 } plan ? ByteText.Of(plan.FreedBytes) : "";

    /// <summary>What becomes of a backup, and why.</summary>
    public static string Fate(PSObject value) => Object(value) switch
    {
        VMBackupPlan { Keep: true, Rules.Count: 0 } => "stays",
        VMBackupPlan { Keep: true } plan => "stays: " + string.Join(", ", plan.Rules),
        VMBackupPlan { MergedInto: { } heir } => "goes, into " + heir,
        VMBackupPlan => "goes",
        _ => "",
    };

    /// <summary>Until when something can be undone, in local time, to the minute.</summary>
    public static string Until(PSObject value) => Object(value) is VMKeptState kept ? Minute(kept.Until) : "";

    /// <summary>The moments that Undo brings back.</summary>
    public static string KeptMoments(PSObject value) => Object(value) is VMKeptState kept ? string.Join(", ", kept.Moments) : "";

    /// <summary>The names of the disks; of a moment those that it covers, of a restore those that went back. Of a machine with many the first, and how many more.</summary>
    public static string Disks(PSObject value) => string.Join(", ", Object(value) switch
    {
        VMDomain { Disks: [var first, _, _, ..] many } => [first.Name, $"+{many.Count - 1}"],
        VMDomain domain => domain.Disks.Select(disk => disk.Name),
        VMMoment moment => moment.Disks.Where(disk => disk.State != VMBitmapState.NotCovered).Select(disk => disk.Name),
        VMBackup backup => backup.Disks.Select(disk => disk.Name),
        VMBlockSnapshot snapshot => snapshot.Disks.Select(disk => disk.Name),
        VMSnapshotRestore restore => restore.Disks.Where(disk => disk.Restored).Select(disk => disk.Name),
        _ => [],
    });

    /// <summary>The current moment of a domain or a disk; of a long name, as those that backups make, as much as fits.</summary>
    public static string Current(PSObject value) => Object(value) switch
    {
        VMDomain { Current: { } current } => Shorten(current, 14),
        VMDisk { Current: { } current } => Shorten(current, 18),
        _ => "",
    };

    /// <summary>A star where the moment is current, or where the machine is on the branch.</summary>
    public static string CurrentMark(PSObject value) => Object(value) is VMMoment { Current: true } or VMBranch { Active: true } ? "*" : "";

    /// <summary>In one word whether a moment is fine, in the session's colour of errors where not; the property Health has the reason.</summary>
    public static string MomentHealth(PSObject value)
    {
        if (Object(value) is not VMMoment moment)
            return "";
        if (moment.Disks.FirstOrDefault(disk => disk.Problem is not null) is not { } broken)
            return "OK";
        return SessionStyle.Error(broken.State switch
        {
            VMBitmapState.Missing => "! no bitmap",
            VMBitmapState.Inconsistent => "! damaged",
            VMBitmapState.Foreign => "! foreign",
            _ => "! unknown",
        });
    }

    /// <summary>Where a snapshot lies, with a sign in the session's colour of errors where something is wrong with it; the property Health has the reason.</summary>
    public static string Location(PSObject value) =>
        Object(value) is not VMSnapshot snapshot ? ""
        : snapshot.Disks.Any(disk => disk.Problem is not null) ? $"{snapshot.Location} {SessionStyle.Error("!")}"
        : snapshot.Location ?? "";

    /// <summary>The snapshots that go with a branch.</summary>
    public static string Snapshots(PSObject value) => Object(value) is VMBranchRemoval removal ? string.Join(", ", removal.Snapshots) : "";

    /// <summary>The files that go with a branch.</summary>
    public static string Files(PSObject value) => Object(value) is VMBranchRemoval removal ? string.Join(", ", removal.Files) : "";

    /// <summary>Bytes written since a moment on all its disks, where that was asked for and is known of each.</summary>
    public static string MomentSize(PSObject value)
    {
        if (Object(value) is not VMMoment moment)
            return "";
        List<long?> sizes = [.. moment.Disks.Where(disk => disk.State != VMBitmapState.NotCovered).Select(disk => disk.Size)];
        return sizes.Count == 0 || sizes.Contains(null) ? "" : ByteText.Of(sizes.Sum() ?? 0);
    }

    /// <summary>The flags of a bitmap.</summary>
    public static string Flags(PSObject value) => Object(value) is VMBitmap bitmap ? string.Join(", ", bitmap.Flags) : "";

    /// <summary>What is out of the ordinary about a domain or a disk.</summary>
    public static string Note(PSObject value) => PlainText.Of(Object(value) switch
    {
        VMDomain { Pending: { } pending } => "pending: " + pending,
        VMDomain { Attached: true } => "attached",
        VMDisk disk => disk.Tracking is VMDiskTracking.Impossible or VMDiskTracking.Lost or VMDiskTracking.Unknown ? disk.TrackingReason ?? disk.Reason ?? "" : disk.Path ?? "",
        _ => "",
    });

    private static string Bytes(PSObject value, string property) =>
        value?.Properties[property]?.Value is long bytes ? ByteText.Of(bytes) : "";

    private static string Plain(PSObject value, string property, Func<string, string> plain) =>
        value?.Properties[property]?.Value is string text ? plain(text) : "";

    private static string Shorten(string text, int most) => text.Length <= most ? text : text[..(most - 1)] + '…';

    private static string Minute(DateTimeOffset time) => time.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private static object? Object(PSObject? value) => value?.BaseObject;
}
