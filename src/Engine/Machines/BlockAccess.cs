namespace MomentTools.Machines;

/// <summary>What a session is for.</summary>
internal enum BlockAccess
{
    /// <summary>Changes: the first monitor of a running machine; the images of a stopped one opened for writing.</summary>
    Change,

    /// <summary>Queries: the second monitor of a running machine; the images of a stopped one opened for reading.</summary>
    Read,
}
