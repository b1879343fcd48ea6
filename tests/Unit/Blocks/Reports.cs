namespace MomentTools.Tests.Blocks;

/// <summary>Keeps what a progress was told last, and whether it ever went back.</summary>
internal sealed class Reports : IProgress<long>
{
    public long Last { get; private set; }

    public bool Ascending { get; private set; } = true;

    public void Report(long value)
    {
        Ascending &= value >= Last;
        Last = value;
    }
}
