namespace MomentTools.Tests.Support;

/// <summary>A directory of its own for one test, gone afterwards. Its path is short: socket paths have 108 bytes.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1), Look = TimeSpan.FromMilliseconds(20);

    public ScratchDirectory() => Path = Directory.CreateTempSubdirectory("mt").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        for (long start = Environment.TickCount64; ;)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                // The test removed it itself.
                return;
            }
            catch (IOException) when (Environment.TickCount64 - start < Patience.TotalMilliseconds)
            {
                // A process that was killed and is ending yet, or a file that was made meanwhile.
                Thread.Sleep(Look);
            }
        }
    }
}
