using System.Globalization;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Which steps of a long operation are killed: each where MOMENTTOOLS_CRASH_STEPS is "all", else every few, beginning with another one each
/// day, so that the run of a day is short and those of a week are whole.
/// </summary>
internal static class CrashSteps
{
    private const int Usual = 6;

    private static readonly int Stride = Environment.GetEnvironmentVariable("MOMENTTOOLS_CRASH_STEPS") == "all" ? 1 : Usual;

    /// <summary>The first step to be killed, counted from 1.</summary>
    public static int First => 1 + DateTime.UtcNow.DayOfYear % Stride;

    /// <summary>The next one.</summary>
    public static int After(int step) => step + Stride;

    /// <summary>Whether an operation that came to its end unkilled had as many steps as it said.</summary>
    public static void AssertIsEnd(int step, string said) => Assert.InRange(int.Parse(said, CultureInfo.InvariantCulture), step - Stride, step - 1);

    /// <summary>What was tried, for the test's output.</summary>
    public static string Tried(int end) =>
        Stride == 1 ? (end - 1).ToString(CultureInfo.InvariantCulture) : $"{(end - First) / Stride} of some {end - 1}";
}
