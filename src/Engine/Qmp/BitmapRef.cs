namespace MomentTools.Qmp;

/// <summary>A dirty bitmap, by the node that holds it and its name.</summary>
internal readonly record struct BitmapRef(string Node, string Name);
