using MomentTools.Files;

namespace MomentTools.Moments;

/// <summary>The one lock of a domain: whoever changes anything of it holds it.</summary>
internal static class DomainLock
{
    public static string PathOf(string domainDirectory) => Path.Combine(domainDirectory, "lock");

    public static Task<FileLock> TakeAsync(string domainDirectory, string operation, TimeSpan timeout, CancellationToken cancellation) =>
        FileLock.TakeAsync(PathOf(domainDirectory), operation, timeout, cancellation);
}
