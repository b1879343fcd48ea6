namespace MomentTools.Xml;

/// <summary>One layer below a disk's top as <c>&lt;backingStore&gt;</c> gives it.</summary>
/// <param name="Path">The file or the block device; null where the layer is neither.</param>
/// <param name="Format">The format (<c>&lt;format type='…'/&gt;</c>), or null where it is not said.</param>
internal sealed record DomainBackingStore(string? Path, string? Format);
