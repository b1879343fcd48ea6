namespace MomentTools.Files;

/// <summary>What a name in a directory stands for (inode(7), "The file type and mode").</summary>
internal enum FileKind
{
    Absent,
    Regular,
    Directory,
    Link,
    Fifo,
    Socket,
    Device,
    Other,
}
