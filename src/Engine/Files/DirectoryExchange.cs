namespace MomentTools.Files;

/// <summary>
/// Puts a directory in another's place, and that one in its: at one instant (<c>renameat2</c> with RENAME_EXCHANGE) where the file system
/// can, else by renames, of which a crash may leave the first alone: then <see cref="Recover"/> gives the old one its name back.
/// </summary>
/// <param name="atomic">False: by renames, whatever the file system can.</param>
/// <param name="probe">Called between two renames with the step's name; tests kill the process there.</param>
internal sealed class DirectoryExchange(bool atomic = true, Action<string>? probe = null)
{
    /// <summary>Exchanges two directories that lie side by side, durably.</summary>
    /// <param name="aside">A name beside them that nothing has, for the time between two renames.</param>
    public void Run(string published, string replacement, string aside)
    {
        try
        {
            if (!(atomic && Libc.TryExchange(published, replacement)))
                Rename(published, replacement, aside);
            DurableFile.FlushDirectory(DurableFile.DirectoryOf(published));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "put another directory in place of", published);
        }
    }

    /// <summary>Ends what a crash left of an exchange by renames: what lies aside gets its name back where nothing has it.</summary>
    /// <returns>Whether that was so; where it was not, what lies aside has been replaced and is of no use any more.</returns>
    public static bool Recover(string published, string aside)
    {
        if (Path.Exists(published))
            return false;
        DurableFile.Move(aside, published);
        return true;
    }

    private void Rename(string published, string replacement, string aside)
    {
        // Each is flushed before the next, so that a crash cannot leave the later one alone.
        DurableFile.Move(published, aside);
        probe?.Invoke("exchange:aside");
        try
        {
            DurableFile.Move(replacement, published);
        }
        catch when (!Path.Exists(published))
        {
            DurableFile.Move(aside, published);
            throw;
        }

        probe?.Invoke("exchange:published");
        DurableFile.Move(aside, replacement);
    }
}
