namespace MomentTools.Cmdlets.Jobs;

/// <summary>
/// What was agreed and said before a job began. The same command runs twice: first in the foreground, where it asks and does nothing,
/// then in the job, where it asks nobody. What it comes to there and was not asked about here is not done.
/// </summary>
internal sealed class JobAgreement(MomentEngine engine)
{
    private readonly List<Answer> _answers = [];
    private readonly List<string> _said = [];

    /// <summary>The foreground's: the job works in the places that were the usual ones when it was started.</summary>
    public MomentEngine Engine { get; } = engine;

    public bool HasAgreed => _answers.Any(answer => answer.Agreed);

    /// <summary>An error came, too: who it is about was never asked about.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Neither a question nor an error came up.</summary>
    public bool IsSilent => _answers.Count == 0 && !HasFailed;

    public void Answered(string target, string action, bool agreed) => _answers.Add(new Answer(target, action, agreed));

    public void Failed(string message)
    {
        HasFailed = true;
        _said.Add(message);
    }

    public void Said(string message) => _said.Add(message);

    /// <summary>Whether something was said before the job already. Each time that it was counts for one time in the job.</summary>
    public bool WasSaid(string message) => _said.Remove(message);

    /// <summary>The answer to a question of the job. One that was never put is an error (JobPlanChanged).</summary>
    public bool Allows(string target, string action)
    {
        Answer[] meant = [.. _answers.Where(answer => answer.Target == target && answer.Action == action)];
        if (meant.Length == 0)
        {
            // How many bytes it is about may have changed in the meantime. With two questions nobody knows which it was.
            Answer[] about = [.. _answers.Where(answer => answer.Target == target)];
            meant = about.Length == 1 && !HasFailed ? about : throw CmdletErrors.NotAgreed(target, action);
        }

        return Array.TrueForAll(meant, answer => answer.Agreed);
    }

    private sealed record Answer(string Target, string Action, bool Agreed);
}
