using System.Diagnostics;
using System.Globalization;
using MomentTools;
using MomentTools.CrashRunner;

// Runs one operation on one domain and kills itself (SIGKILL) at the step of the given number; without dying it prints how many steps there were.
// Arguments: STATE_ROOT RUNTIME_ROOT VM STEP OPERATION ARGUMENT
int step = 0, last = int.Parse(args[3], CultureInfo.InvariantCulture);
var engine = new MomentEngine(new MomentEngineOptions
{
    StateRoot = args[0],
    RuntimeRoot = args[1],
    Probe = _ =>
    {
        if (Interlocked.Increment(ref step) != last)
            return;
        using Process self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite);
    },
});
await CrashedOperations.RunAsync(engine, args[2], args[4], args[5]);
Console.WriteLine(step.ToString(CultureInfo.InvariantCulture));
