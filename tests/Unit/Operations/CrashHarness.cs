using System.Globalization;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

/// <summary>
/// The crash harness: an operation is killed at one step, everything is looked at, and so on until it comes to its end unharmed. Each step is
/// killed where MOMENTTOOLS_CRASH_STEPS is "all" (`./build.sh prove -Of crash`), else every few of a long operation, beginning with another one
/// each day, so that the run of a day is short and those of a week are whole; where it is a number, beginning with that step, as another day's run did.
/// </summary>
internal static class CrashHarness
{
    private const int MostSteps = 200;
    private static readonly string? Steps = Environment.GetEnvironmentVariable("MOMENTTOOLS_CRASH_STEPS");
    private static readonly int Usual = Steps == "all" ? 1 : 6;
    // Of all operations of a run the same, also where it goes on after midnight.
    private static readonly int First = int.TryParse(Steps, NumberStyles.None, CultureInfo.InvariantCulture, out int first) ? first - 1 : DateTime.UtcNow.DayOfYear;

    /// <summary>Whether no step is left out.</summary>
    public static bool KillsEach => Usual == 1;

    /// <param name="what">The operation, for the test's output.</param>
    /// <param name="diesAsync">Kills it at a step, counted from 1, and looks at all that is left; false where it came to its end before that step.</param>
    /// <param name="each">A short one: no step is left out.</param>
    /// <returns>How many steps were killed.</returns>
    public static async Task<int> RunAsync(ITestOutputHelper output, string what, Func<int, string, Task<bool>> diesAsync, bool each = false)
    {
        int stride = each ? 1 : Usual, tried = 0;
        for (int step = 1 + First % stride; step <= MostSteps; step += stride, tried++)
        {
            if (await diesAsync(step, $"step {step} of {what}"))
                continue;
            // One of fewer steps than are left out between two.
            if (tried == 0 && step > 1 && await diesAsync(1, $"step 1 of {what}"))
                tried = 1;
            Assert.True(tried > 0, $"{what} has no steps.");
            output.WriteLine($"{what}: {tried} points of death tried, {tried} survived{(stride == 1 ? "" : $", each {stride}th from step {1 + First % stride}; it has some {step - 1}")}");
            return tried;
        }

        throw new InvalidOperationException($"{what} has no end.");
    }

    /// <summary>Runs an operation in a process of its own, which kills itself at a step; false where it came to its end before, with fewer steps than that.</summary>
    public static bool Dies(string stateRoot, string runtimeRoot, string vms, int step, string operation, string argument)
    {
        (int exit, string printed, string error) = Run(stateRoot, runtimeRoot, vms, step, operation, argument);
        Assert.True(exit is 0 or 137, $"step {step} of {operation}: ended with {exit}: {error}");
        if (exit == 137)
            return true;
        Assert.InRange(int.Parse(printed, CultureInfo.InvariantCulture), step - Usual, step - 1);
        return false;
    }

    /// <summary>Runs an operation in a process of its own; at step 0 it is never killed.</summary>
    public static (int Exit, string Printed, string Error) Run(string stateRoot, string runtimeRoot, string vms, int step, string operation, string argument) => Tool.TryRun(
        "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), stateRoot, runtimeRoot, vms, step.ToString(CultureInfo.InvariantCulture), operation, argument);
}
