namespace MomentTools.Xml;

/// <summary>What a checkpoint does with a disk: the attribute <c>checkpoint</c> (formatcheckpoint).</summary>
internal enum CheckpointMode
{
    /// <summary><c>no</c>: the disk does not take part.</summary>
    No,

    /// <summary><c>bitmap</c>: changes since the checkpoint are tracked.</summary>
    Bitmap,
}
