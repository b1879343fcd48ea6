namespace MomentTools.Qmp;

/// <summary>How a job ended. It is dismissed already.</summary>
/// <param name="Job">Its last state in <c>query-jobs</c>.</param>
internal sealed record QmpJobOutcome(QmpJobInfo Job)
{
    /// <summary>QEMU's words for why it failed (a cancelled job says "Operation canceled"), or null.</summary>
    public string? Error => Job.Error;

    /// <summary>Whether it did all it was asked to do.</summary>
    public bool Succeeded => Job.Error is null;

    /// <summary>Throws <c>QmpJobFailed</c> where it failed.</summary>
    public void ThrowIfFailed()
    {
        if (!Succeeded)
            throw QmpErrors.JobFailed(Job);
    }
}
