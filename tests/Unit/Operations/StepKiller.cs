using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Kills another process, as QEMU, at a step of an operation in this one.</summary>
internal sealed class StepKiller(int step)
{
    private int _at;
    private int? _victim;

    public bool Killed { get; private set; }

    /// <summary>For the engine's probe: counts a step once a process is aimed at.</summary>
    public void Probe(string name)
    {
        if (_victim is not { } victim || Interlocked.Increment(ref _at) != step)
            return;
        // It may have ended by itself, as QEMU does where a restore starts another.
        Victim.KillAsync(victim).GetAwaiter().GetResult();
        Killed = true;
    }

    public void Aim(int process) => _victim = process;

    public void Rest() => _victim = null;
}
