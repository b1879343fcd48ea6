using System.Diagnostics;
using System.Globalization;
using MomentTools;
using MomentTools.CrashRunner;
using MomentTools.Machines;
using MomentTools.Operations;

// Runs one operation on one domain and kills itself (SIGKILL) at the step of the given number; without dying it prints how many steps there were.
// Arguments: STATE_ROOT RUNTIME_ROOT VM STEP OPERATION ARGUMENT
int step = 0, last = int.Parse(args[3], CultureInfo.InvariantCulture);
Action<string> probe = _ =>
{
    if (Interlocked.Increment(ref step) != last)
        return;
    using Process self = Process.GetCurrentProcess();
    self.Kill();
    Thread.Sleep(Timeout.Infinite);
};
// Several of these may want one machine, on a host that is busy with other things.
var patience = TimeSpan.FromMinutes(5);
var context = new EngineContext(new DomainCatalogue(args[0], args[1]), patience, probe, GuestAgentOptions.Default);
if (CrashedTurns.Knows(args[4]))
    await CrashedTurns.RunAsync(context, args[2], args[4], args[5]);
else if (args[4].StartsWith(CrashedMerges.Prefix, StringComparison.Ordinal))
    await CrashedMerges.RunAsync(context, args[1], args[2], args[4], args[5]);
else
    await CrashedOperations.RunAsync(new MomentEngine(new MomentEngineOptions { StateRoot = args[0], RuntimeRoot = args[1], LockTimeout = patience, Probe = probe }), args[2], args[4], args[5]);
Console.WriteLine(step.ToString(CultureInfo.InvariantCulture));
