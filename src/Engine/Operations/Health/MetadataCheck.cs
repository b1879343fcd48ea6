using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>Holds the metadata against itself: files that could not be loaded, parents, what is current, whose moment it is, and when. Pure.</summary>
internal sealed class MetadataCheck
{
    // Clocks of hosts that share a storage differ by seconds; a moment of tomorrow is a mistake.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private readonly DomainMoments _state;
    private readonly FindingList _findings;
    private readonly HashSet<string> _broken = new(StringComparer.Ordinal);

    private MetadataCheck(DomainMoments state, FindingList findings)
    {
        _state = state;
        _findings = findings;
    }

    /// <summary>The names of the moments whose files could not be loaded: what is missing because of them is not told again.</summary>
    /// <param name="state">The moments, as far as they could be loaded.</param>
    /// <param name="faults">Why files could not be loaded.</param>
    /// <param name="domain">The machine's definition.</param>
    /// <param name="now">The time.</param>
    /// <param name="findings">Where the findings go.</param>
    public static IReadOnlySet<string> Run(DomainMoments state, IReadOnlyList<MomentException> faults, DomainDocument domain, DateTimeOffset now, FindingList findings)
    {
        var check = new MetadataCheck(state, findings);
        foreach (MomentException fault in faults)
            check.AddFault(fault);
        check.CheckTree();
        foreach (DiskTracking disk in state.Disks.Values)
            check.CheckPoints(disk);
        check.CheckTips();
        foreach (StoredMoment moment in state.Moments.Values)
            check.CheckMoment(moment, domain, now);
        return check._broken;
    }

    private void AddFault(MomentException fault)
    {
        if (fault.ErrorId == MomentErrors.MomentCurrentAmbiguous)
        {
            _findings.Add(FindingIds.CurrentAmbiguous, FindingList.Error, fault.Message, $"'{_findings.Repair}' sets the other file aside.", file: fault.Target);
            return;
        }

        string? path = fault.Target is { } target && target.Contains('/') ? target : null;
        if (path is not null && AddOther(fault, path))
            return;
        string? moment = path is null ? null : Path.GetFileNameWithoutExtension(path);
        if (moment is not null)
            _broken.Add(moment);
        string id = fault.ErrorId == XmlErrors.XmlTooLarge ? FindingIds.MomentFileTooLarge
            : fault.ErrorId.Kind is ErrorKind.NotFound or ErrorKind.AccessDenied or ErrorKind.Storage ? FindingIds.MomentFileUnreadable
            : FindingIds.MomentFileInvalid;
        string remedy = id == FindingIds.MomentFileUnreadable
            ? $"Make the file readable, or put it back from a copy; '{_findings.Repair}' sets it aside."
            : $"Put the file back from a copy; '{_findings.Repair}' sets it aside, and the moments around it stay.";
        _findings.Add(id, FindingList.Error, $"{Plain(fault)} The moment {(moment is null ? "" : $"'{moment}' ")}is not shown, and what changed across it is not known; the others are not affected.", remedy, moment, file: path);
    }

    // Not every file is a moment's.
    private bool AddOther(MomentException fault, string path)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        switch (Path.GetFileName(Path.GetDirectoryName(path)))
        {
            case "branches":
                _findings.Add(FindingIds.BranchFileInvalid, FindingList.Error,
                    $"{Plain(fault)} Branch '{name}' is not shown and cannot be gone to; the others are not affected. No image is collected as long as it is not known what the branch needs.",
                    "Put the file back from a copy. If there is none, move it out of the directory: then the branch is forgotten.", file: path, branch: name);
                return true;
            case "kept":
                _findings.Add(FindingIds.KeptInvalid, FindingList.Warning,
                    $"{Plain(fault)} What was discarded then cannot be brought back.", $"Put the file back from a copy; '{_findings.Repair}' sets it aside.", file: path);
                return true;
            default:
                return false;
        }
    }

    private void CheckTree()
    {
        _state.Tree(out IReadOnlyList<MomentTreeFault> faults);
        foreach (MomentTreeFault fault in faults)
        {
            switch (fault.Kind)
            {
                case MomentTreeFaultKind.ParentMissing when !_broken.Contains(_state.Moments[fault.Moment].Parent?.Name ?? ""):
                    AddParentMissing(fault.Moment);
                    break;
                case MomentTreeFaultKind.Cycle:
                    _findings.Add(FindingIds.ParentCycle, FindingList.Error, fault.Message, $"'{_findings.Repair}' writes the parents anew, from the disks' own records.", fault.Moment.Name);
                    break;
                case MomentTreeFaultKind.CurrentMissing when !_broken.Contains(fault.Moment.Name):
                    _findings.Add(FindingIds.CurrentMissing, FindingList.Warning, fault.Message, $"'{_findings.Repair}' makes the nearest moment current that is there; Set-VMMoment -Current names another.", fault.Moment.Name);
                    break;
            }
        }
    }

    // The disks' own trees, in which answers are looked up. A file that is gone leaves a gap there as well as in the tree of names.
    private void CheckPoints(DiskTracking disk)
    {
        foreach (TrackingPoint point in disk.Points.Values)
            if (point.Moment is { } moment && IsDangling(disk, point) && !IsToldAlready(moment))
                AddParentMissing(moment);
        if (Circling(disk) is not { } circling)
            return;
        string? name = disk.NearestMoment(circling.Id)?.Name;
        _findings.Add(FindingIds.ParentCycle, FindingList.Error,
            $"On disk '{disk.Disk}' the records of what followed what lead in a circle{(name is null ? "" : $" at '{name}'")}, so nothing can be compared across it.",
            $"'{_findings.Repair}' cuts the circle; from there on what changed is not known.", name, disk.Disk);
    }

    private void CheckTips()
    {
        string[] disks = [.. GapsBehindLast()];
        // A file that is there and cannot be loaded, or one whose children were told of, may well be that of the last moment.
        if (disks.Length == 0 || _broken.Count > 0 || _findings.All.Any(finding => finding.Id == FindingIds.ParentMissing))
            return;
        _findings.Add(FindingIds.ParentMissing, FindingList.Error,
            $"The last moment of disk {FindingList.Listed(disks)} is not there: its file is gone. What changed since earlier moments is not known.",
            $"Put the file back from a copy; '{_findings.Repair}' begins anew at the moment before it.", disk: disks.Length == 1 ? disks[0] : null);
    }

    // The disks whose present state follows on a moment that is not there.
    private IEnumerable<string> GapsBehindLast() =>
        _state.Disks.Values.Where(disk => disk.ActiveTip is { } tip && disk.Points.TryGetValue(tip.PointId, out TrackingPoint? point) && IsDangling(disk, point)).Select(disk => disk.Disk);

    private void CheckMoment(StoredMoment moment, DomainDocument domain, DateTimeOffset now)
    {
        if (moment.Document.Domain?.Uuid is { } uuid && domain.Uuid is { } own && uuid != own)
            _findings.Add(FindingIds.UuidMismatch, FindingList.Warning,
                $"The moment '{moment.Key.Name}' belongs to a machine with the UUID {uuid}; this one has {own}.",
                $"If it is this machine's, '{_findings.Repair}' writes the UUID anew; else 'Remove-VMMoment {_findings.Vm} {FindingList.Word(moment.Key.Name)} -MetadataOnly' forgets it.", moment.Key.Name);
        if (moment.Created - now > ClockTolerance)
            _findings.Add(FindingIds.CreatedInFuture, FindingList.Warning,
                $"The moment '{moment.Key.Name}' was taken at {moment.Created.ToUniversalTime():u}, which has not come yet: a clock was, or is, wrong.",
                $"Set the host's clock right; '{_findings.Repair}' dates the moment by its neighbours.", moment.Key.Name);
    }

    private void AddParentMissing(MomentKey key)
    {
        string? parent = _state.Moments.GetValueOrDefault(key)?.Parent?.Name;
        string[] last = [.. GapsBehindLast()];
        _findings.Add(FindingIds.ParentMissing, FindingList.Error,
            $"The parent of '{key.Name}'{(parent is null ? "" : $", '{parent}',")} is not there: its file is gone, or the link to it was changed. What changed before '{key.Name}' is not known{(last.Length == 0 ? "" : $", nor what changed on disk {FindingList.Listed(last)} since the last moment that is there")}.",
            $"Put the file back from a copy; '{_findings.Repair}' makes the moment a child of the nearest one that is there.", key.Name);
    }

    private bool IsToldAlready(MomentKey key) =>
        _findings.All.Any(finding => finding.Id == FindingIds.ParentMissing && finding.Moment == key.Name)
        // Its parent may be among those that could not be loaded: which points those had is not known.
        || _broken.Count > 0;

    // Every point is walked over once: a walk stops where an earlier one passed, and closes a circle where it meets itself.
    private static TrackingPoint? Circling(DiskTracking disk)
    {
        var walkOf = new Dictionary<string, int>(StringComparer.Ordinal);
        int walk = 0;
        foreach (TrackingPoint start in disk.Points.Values)
        {
            walk++;
            TrackingPoint? at = start;
            while (at is not null && walkOf.TryAdd(at.Id, walk))
                at = at.ParentId is null ? null : disk.Points.GetValueOrDefault(at.ParentId);
            if (at is not null && walkOf[at.Id] == walk)
                return at;
        }

        return null;
    }

    private static bool IsDangling(DiskTracking disk, TrackingPoint point) => point.ParentId is { } parent && !disk.Points.ContainsKey(parent);

    private static string Plain(MomentException fault) => fault.Message.EndsWith('.') ? fault.Message : fault.Message + ".";
}
