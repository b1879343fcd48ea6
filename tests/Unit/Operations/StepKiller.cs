using MomentTools.Errors;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Kills another process, as QEMU, at a step of an operation in this one.</summary>
internal sealed class StepKiller(int step)
{
    private int _at;
    private int? _victim;

    private bool Killed { get; set; }

    /// <summary>For the engine's probe: counts a step once a process is aimed at.</summary>
    public void Probe(string name)
    {
        if (_victim is not { } victim || Interlocked.Increment(ref _at) != step)
            return;
        // It may have ended by itself, as QEMU does where a restore starts another.
        Victim.KillAsync(victim).GetAwaiter().GetResult();
        Killed = true;
    }

    /// <summary>Runs an operation with a process aimed at. It may fail, and only because that one died.</summary>
    /// <param name="victim">The process.</param>
    /// <param name="operation">The operation.</param>
    /// <param name="where">What a message calls the try.</param>
    /// <param name="told">Looks at the failure.</param>
    /// <returns>Whether the step was reached, and the process killed.</returns>
    public async Task<bool> KillsAsync(int victim, Func<Task> operation, string where, Action<MomentException>? told = null)
    {
        _victim = victim;
        try
        {
            await operation();
        }
        catch (MomentException failure)
        {
            Assert.True(Killed, $"{where}: {failure}");
            told?.Invoke(failure);
        }

        _victim = null;
        return Killed;
    }
}
