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
    private const int Attempts = 100;
    private const int LongestNumber = 32;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

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

    /// <summary>Reads something that does not change meanwhile; where the writer died in the middle, as it stands.</summary>
    public static T Steady<T>(string domainDirectory, Func<T> read)
    {
        for (int attempt = 1; ; attempt++)
        {
            long before = Read(domainDirectory);
            T result = read();
            if ((before == Read(domainDirectory) && before % 2 == 0) || attempt == Attempts || (before % 2 == 1 && !FileLock.IsHeld(DomainLock.PathOf(domainDirectory))))
                return result;
            Thread.Sleep(Pause);
        }
    }

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
