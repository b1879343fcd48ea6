namespace MomentTools.Qcow2;

/// <summary>
/// Decides which files may be opened because an image names them. An image may come from anywhere; that it names
/// a file is no reason to read that file.
/// </summary>
internal interface IImageGate
{
    /// <summary>The absolute path to open for what an image names as its backing file or external data file, or an exception that says why not.</summary>
    /// <param name="overlayPath">The image that names it.</param>
    /// <param name="backingFile">The name as it stands in the image.</param>
    /// <param name="backingFormat">The format as it stands in the image; <c>raw</c> for an external data file.</param>
    string Admit(string overlayPath, string backingFile, string? backingFormat);
}
