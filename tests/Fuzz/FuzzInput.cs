namespace MomentTools.Fuzz;

/// <summary>What a target is given: the bytes of a file, of several, or of what a peer says, one part after each request.</summary>
internal sealed record FuzzInput(IReadOnlyList<byte[]> Parts)
{
    public FuzzInput(byte[] whole)
        : this([whole])
    {
    }

    public byte[] Whole => Parts[0];
}
