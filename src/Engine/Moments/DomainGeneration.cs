using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MomentTools.Files;

namespace MomentTools.Moments;

/// <summary>
/// A number in the domain's directory that is odd while its files are being changed. Readers, who take no lock, compare it before and
/// after and read again when it moved.
/// </summary>
internal static class DomainGeneration
{
    private const int LongestNumber = 32;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(1);

    // One that takes longer is what a writer that died left to the one that has the lock now, and reads for it.
    private static readonly TimeSpan LongestChange = TimeSpan.FromSeconds(1);

    /// <summary>Runs a change; the domain's lock must be held.</summary>
    public static void Change(string domainDirectory, Action change)
    {
        using SafeFileHandle file = Open(domainDirectory);
        Span<byte> text = stackalloc byte[LongestNumber];
        long? before = Parse(text[..RandomAccess.Read(file, text, 0)]);
        if (before is null)
            RandomAccess.SetLength(file, 0);
        long number = (before ?? 0) | 1;
        Write(file, domainDirectory, number);
        change();
        Write(file, domainDirectory, number + 1);
    }

    /// <summary>Reads something that does not change meanwhile; where the writer died in the middle, or never pauses, as it stands.</summary>
    public static T Steady<T>(string domainDirectory, Func<T> read)
    {
        long start = Environment.TickCount64, changing = 0, since = start;
        for (; ; Thread.Sleep(Pause))
        {
            long before = Read(domainDirectory), now = Environment.TickCount64;
            if (before != changing)
                (changing, since) = (before, now);
            bool isOdd = before % 2 == 1, last = now - start > Patience.TotalMilliseconds || (isOdd && now - since > LongestChange.TotalMilliseconds);
            // What is being changed is read once that is over: then there is the most time until the next change.
            if (isOdd && !last && IsBeingWritten(domainDirectory))
                continue;
            T result = read();
            if (last || (before == Read(domainDirectory) && (!isOdd || !IsBeingWritten(domainDirectory))))
                return result;
        }
    }

    private static bool IsBeingWritten(string domainDirectory) => FileLock.IsHeld(DomainLock.PathOf(domainDirectory));

    private static string PathOf(string domainDirectory) => Path.Combine(domainDirectory, "generation");

    /// <summary>The number now; odd while files are being changed.</summary>
    public static long Read(string domainDirectory)
    {
        try
        {
            return long.TryParse(File.ReadAllText(PathOf(domainDirectory)), CultureInfo.InvariantCulture, out long number) ? number : 0;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", PathOf(domainDirectory));
        }
    }

    private static long? Parse(ReadOnlySpan<byte> text) => long.TryParse(text, CultureInfo.InvariantCulture, out long number) ? number : null;

    private static SafeFileHandle Open(string domainDirectory)
    {
        try
        {
            if (!File.Exists(PathOf(domainDirectory)))
                OwnedFile.Create(PathOf(domainDirectory)).Dispose();
            return File.OpenHandle(PathOf(domainDirectory), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write", PathOf(domainDirectory));
        }
    }

    // In place of the number before, which is never longer: who reads meanwhile sees one of the two.
    private static void Write(SafeFileHandle file, string domainDirectory, long number)
    {
        try
        {
            RandomAccess.Write(file, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), 0);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write", PathOf(domainDirectory));
        }
    }
}
