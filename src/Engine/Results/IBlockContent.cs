namespace MomentTools;

/// <summary>A disk's content at one point in time, opened when it is read first and closed with its last reader.</summary>
internal interface IBlockContent
{
    /// <summary>Keeps it open, once somebody has read from it, until the hold is given back.</summary>
    IDisposable Hold();

    /// <summary>Opens a run of it.</summary>
    /// <param name="offset">Where the run begins, in bytes.</param>
    /// <param name="length">How long it is, in bytes.</param>
    /// <param name="isZero">Whether it is known to read as zeroes, so that nothing has to be opened.</param>
    Stream OpenRead(long offset, long length, bool isZero);
}
