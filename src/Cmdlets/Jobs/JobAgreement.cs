using System.Text.RegularExpressions;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>
/// What was agreed and said before a job began. The same command runs twice: first in the foreground, where it asks and does nothing,
/// then in the job, where it asks nobody. What it comes to there and was not asked about here is not done.
/// </summary>
internal sealed partial class JobAgreement(MomentEngine engine)
{
    private readonly List<Answer> _answers = [];
    private readonly List<string> _said = [];
    // An error came, too: who it is about was never asked about.
    private bool _failed;

    /// <summary>The foreground's: the job works in the places that were the usual ones when it was started.</summary>
    public MomentEngine Engine { get; } = engine;

    public bool HasAgreed => _answers.Any(answer => answer.Agreed);

    /// <summary>Neither a question nor an error came up.</summary>
    public bool IsSilent => _answers.Count == 0 && !_failed;

    /// <param name="target">What the question was about.</param>
    /// <param name="action">What was to be done.</param>
    /// <param name="agreed">The answer.</param>
    /// <param name="means">What the answer covers; the action's words where null.</param>
    public void Answered(string target, string action, bool agreed, IReadOnlyCollection<string>? means = null) => _answers.Add(new Answer(target, means ?? Words(action), agreed));

    public void Failed(string message)
    {
        _failed = true;
        _said.Add(message);
    }

    public void Said(string message) => _said.Add(message);

    /// <summary>Whether something was said before the job already. Each time that it was counts for one time in the job.</summary>
    public bool WasSaid(string message) => _said.Remove(message);

    /// <summary>The answer to a question of the job. One that was never put, or not with all that it comes to now, is an error (JobPlanChanged).</summary>
    public bool Allows(string target, string action, IReadOnlyCollection<string>? means = null)
    {
        means ??= Words(action);
        Answer[] meant = [.. _answers.Where(answer => answer.Target == target && means.All(answer.Means.Contains))];
        return meant.Length > 0 ? Array.TrueForAll(meant, answer => answer.Agreed) : throw CmdletErrors.NotAgreed(target, action);
    }

    // How many bytes it is about may have changed in the meantime: that is the same question.
    private static string[] Words(string action) => [Amount().Replace(action, "#")];

    [GeneratedRegex(@"\d+(\.\d+)? ([KMGTPE]i)?B\b", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Amount();

    private sealed record Answer(string Target, IReadOnlyCollection<string> Means, bool Agreed);
}
