namespace MomentTools.Tests.Operations;

/// <summary>An image that a story's disk stands on.</summary>
internal sealed record StoryBase(string Path, string Format, long Size);
