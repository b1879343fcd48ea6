namespace MomentTools.Machines;

/// <summary>Recognises in QEMU's words that another process holds an image.</summary>
internal static class ImageLock
{
    private const string Question = "Is another process using the image [";

    public static bool Is(string words) =>
        words.Contains("Failed to get ", StringComparison.Ordinal) && words.Contains("lock", StringComparison.Ordinal);

    /// <summary>The image that QEMU asks about, or null where it names none.</summary>
    public static string? PathIn(string words)
    {
        int start = words.IndexOf(Question, StringComparison.Ordinal);
        if (start < 0)
            return null;
        start += Question.Length;
        int end = words.IndexOf("]?", start, StringComparison.Ordinal);
        return end < 0 ? null : words[start..end];
    }
}
