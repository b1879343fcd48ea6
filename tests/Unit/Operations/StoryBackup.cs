namespace MomentTools.Tests.Operations;

/// <summary>A backup, and what each disk held at its instant.</summary>
internal sealed record StoryBackup(VMBackup Backup, IReadOnlyDictionary<string, byte[]> Content);
