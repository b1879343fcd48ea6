using MomentTools.Moments;
using MomentTools.Operations.Health;
using MomentTools.Xml;

namespace MomentTools.Operations.Repairs;

/// <summary>What is wrong with one moment's own data and has one right value: the machine's identity, and the time. Pure.</summary>
internal static class MomentRules
{
    public static DomainMoments Apply(DomainMoments state, DomainDocument domain, Func<StoredMoment, StoredMoment> whole, IReadOnlyList<VMMomentFinding> findings, DateTimeOffset now)
    {
        foreach (Branch branch in state.Branches.Values)
        {
            bool start = BranchCheck.IsGone(state, branch.Start) && findings.Any(finding => finding.Id == FindingIds.BranchStartMissing && finding.Moment == branch.Start!.Name);
            bool current = BranchCheck.IsGone(state, branch.Current) && findings.Any(finding => finding.Id == FindingIds.CurrentMissing && finding.Moment == branch.Current!.Name);
            if (start || current)
                state = state.With(branch with { Start = start ? null : branch.Start, Current = current ? null : branch.Current });
        }

        if (findings.Any(finding => finding.Id is FindingIds.KeptLost or FindingIds.KeptInvalid))
            state = KeptCheck.Repaired(state);
        foreach (StoredMoment moment in state.Moments.Values.Where(moment => Has(findings, FindingIds.UuidMismatch, moment.Key.Name)).Select(whole).ToList())
            if (domain.Uuid is { } own && moment.Document.Domain is { } then)
                state = state.With(moment with { Document = moment.Document with { Domain = then.WithUuid(own) } });
        // Parents first: a child is dated behind its parent.
        MomentTree tree = state.Tree(out _);
        foreach (Moment moment in tree.All.Where(moment => Has(findings, FindingIds.CreatedInFuture, moment.Name)).ToList())
        {
            StoredMoment stored = state.Moments[moment.Key];
            DateTimeOffset upper = tree.Descendants(moment).Select(below => state.Moments[below.Key].Created).Where(time => time <= now).Append(now).Min();
            DateTimeOffset lower = moment.Parent is { } parent && state.Moments.TryGetValue(parent, out StoredMoment? above) && above.Created < upper ? above.Created : upper - TimeSpan.FromSeconds(2);
            DateTimeOffset between = lower + (upper - lower) / 2;
            state = state.With(stored with { Created = between, Document = stored.Document with { CreationTime = between.ToUnixTimeSeconds() } });
        }

        return state;
    }

    /// <summary>What was done about a finding, as a part of a sentence; null where it is none of these.</summary>
    public static string? Describe(VMMomentFinding finding, DomainMoments next) => finding.Id switch
    {
        FindingIds.CurrentMissing => "the moment that each disk descends from is current again",
        FindingIds.BranchStartMissing => "where the branch began is forgotten",
        FindingIds.KeptLost => "what cannot be brought back is kept no longer",
        FindingIds.UuidMismatch => $"the UUID of this machine is written into '{finding.Moment}'",
        FindingIds.CreatedInFuture when next.Moments.Values.FirstOrDefault(moment => moment.Key.Name == finding.Moment) is { } moment => $"'{finding.Moment}' is dated {moment.Created.ToUniversalTime():u}, between its neighbours",
        _ => null,
    };

    private static bool Has(IReadOnlyList<VMMomentFinding> findings, string id, string moment) => findings.Any(finding => finding.Id == id && finding.Moment == moment);
}
