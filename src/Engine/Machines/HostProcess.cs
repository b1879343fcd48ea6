using System.Globalization;
using System.Runtime.InteropServices;

namespace MomentTools.Machines;

/// <summary>A process of this host as /proc shows it; the start time tells it from a later one with the same id.</summary>
/// <param name="StartTime">In clock ticks since the host's start (proc(5), /proc/pid/stat field 22).</param>
internal sealed partial record HostProcess(int Id, int ParentId, string Name, long StartTime)
{
    public const int Terminate = 15;
    public const int Kill = 9;

    // Clocks of files and of processes tick each 10 ms at least.
    private static readonly TimeSpan Ticks = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(5);

    /// <summary>All processes that this user may see.</summary>
    public static IEnumerable<HostProcess> All()
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Find(id) is { } process)
                yield return process;
    }

    /// <summary>The process, or null where none with this id lives; one that only waits to be reaped does not live.</summary>
    public static HostProcess? Find(int id) => Look(id) is { State: not ("Z" or "X") } seen ? seen.Process : null;

    /// <summary>A time so long before another that a file written then was written before, whatever clock ticked, in nanoseconds since 1970.</summary>
    public static long Before(DateTime time) => Math.Max(0, (time - DateTime.UnixEpoch - Ticks).Ticks * 100);

    /// <summary>When it started, in nanoseconds since 1970, or a moment before; 0 where that cannot be told.</summary>
    public long StartedAt()
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(Id);
            return Before(process.StartTime.ToUniversalTime());
        }
        catch (Exception unknown) when (unknown is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception or IOException)
        {
            return 0;
        }
    }

    /// <summary>
    /// Whether it is a copy of this process that a thread has just made to start a program: until it begins that, it has all files open that
    /// this process had. It still has this one's memory, and nothing else lies at the same addresses.
    /// </summary>
    public bool IsBeingStartedHere => ParentId == Environment.ProcessId && StackOf(Id) is not 0 and var stack && stack == StackOf(Environment.ProcessId);

    public bool IsAlive => Find(Id)?.StartTime == StartTime;

    /// <summary>Its arguments, the program first; none where it has ended or belongs to the kernel.</summary>
    public IReadOnlyList<string> CommandLine => Read(Id, "cmdline") is { Length: > 0 } text ? text.TrimEnd('\0').Split('\0') : [];

    /// <summary>Sends a signal, unless the process has ended.</summary>
    public void Signal(int signal)
    {
        if (IsAlive)
            _ = SendSignal(Id, signal);
    }

    /// <summary>
    /// Waits for its end: that of its last thread. One that was killed lives no more, and a write of it that is on its way to the storage may
    /// hold up one of its threads, and with it the locks on its images.
    /// </summary>
    /// <returns>Whether it ended in time.</returns>
    public async Task<bool> EndsWithinAsync(TimeSpan limit, CancellationToken cancellation)
    {
        long start = Environment.TickCount64;
        while (!HasEnded())
        {
            if (Environment.TickCount64 - start > limit.TotalMilliseconds)
                return false;
            await Task.Delay(LookPeriod, cancellation);
        }

        return true;
    }

    private bool HasEnded() =>
        Look(Id) is not { } seen || seen.Process.StartTime != StartTime || seen.State == "X" || (seen.State == "Z" && seen.Threads <= 1);

    // proc(5), /proc/pid/stat: the state is field 3, the number of threads field 20, the start time field 22.
    private static (HostProcess Process, string State, int Threads)? Look(int id)
    {
        if (Read(id, "stat") is not { } stat)
            return null;
        int open = stat.IndexOf('(', StringComparison.Ordinal), close = stat.LastIndexOf(')');
        return Fields(stat) is not { } fields || open < 0 || close < open ? null
            : (new HostProcess(id, int.Parse(fields[1], CultureInfo.InvariantCulture), stat[(open + 1)..close], long.Parse(fields[19], CultureInfo.InvariantCulture)),
                fields[0], int.Parse(fields[17], CultureInfo.InvariantCulture));
    }

    // Field 28: where the stack begins; 0 where this user may not know.
    private static ulong StackOf(int id) => Read(id, "stat") is { } stat && Fields(stat) is { } fields && ulong.TryParse(fields[25], NumberStyles.None, CultureInfo.InvariantCulture, out ulong stack) ? stack : 0;

    // From the third on: the name stands in parentheses and may have parentheses and spaces itself.
    private static string[]? Fields(string stat) =>
        stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > 25 } fields ? fields : null;

    private static string? Read(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SendSignal(int pid, int signal);
}
