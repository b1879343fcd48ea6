namespace MomentTools.Operations.Health;

/// <summary>The stable names of what can be found: scripts and Repair-VMMoment go by them, Test-VMMoment's help explains them.</summary>
internal static class FindingIds
{
    /// <summary>A bitmap of a segment, or the mark of the recorded state, is not in the image.</summary>
    public const string BitmapMissing = nameof(BitmapMissing);

    /// <summary>QEMU died while the image was open: its bitmaps cannot be trusted.</summary>
    public const string BitmapInconsistent = nameof(BitmapInconsistent);

    /// <summary>The bitmap that must record was switched off.</summary>
    public const string BitmapNotRecording = nameof(BitmapNotRecording);

    /// <summary>A closed bitmap was switched on.</summary>
    public const string BitmapRecording = nameof(BitmapRecording);

    /// <summary>A bitmap has another granularity than it was made with.</summary>
    public const string BitmapGranularity = nameof(BitmapGranularity);

    /// <summary>A bitmap of ours would not survive the end of QEMU.</summary>
    public const string BitmapTemporary = nameof(BitmapTemporary);

    /// <summary>A bitmap in the image that no moment names.</summary>
    public const string BitmapForeign = nameof(BitmapForeign);

    /// <summary>A foreign bitmap under the name of a moment that does not cover the disk.</summary>
    public const string BitmapNameTaken = nameof(BitmapNameTaken);

    /// <summary>A bitmap of ours that nothing refers to any more.</summary>
    public const string BitmapLeftover = nameof(BitmapLeftover);

    /// <summary>A program that knows no bitmaps wrote to the image: QEMU takes none of them for valid.</summary>
    public const string BitmapsDiscarded = nameof(BitmapsDiscarded);

    /// <summary>The disk has another virtual size than was recorded.</summary>
    public const string DiskResized = nameof(DiskResized);

    /// <summary>The disk's image is not there.</summary>
    public const string DiskMissing = nameof(DiskMissing);

    /// <summary>The machine's definition, or QEMU, has another image for the disk than was recorded.</summary>
    public const string DiskChanged = nameof(DiskChanged);

    /// <summary>The image is there and cannot be read.</summary>
    public const string ImageUnreadable = nameof(ImageUnreadable);

    /// <summary>A process that is not known as the machine has the image open.</summary>
    public const string ImageInUse = nameof(ImageInUse);

    /// <summary>The image says of itself that it is corrupt.</summary>
    public const string ImageCorrupt = nameof(ImageCorrupt);

    /// <summary>Under the recorded path lies another image, or another state of it.</summary>
    public const string ImageReplaced = nameof(ImageReplaced);

    /// <summary>A layer under the active one was changed, or stands on another one than was recorded.</summary>
    public const string LayerChanged = nameof(LayerChanged);

    /// <summary>A layer that snapshots stand on was written, or is open for writing.</summary>
    public const string FrozenLayerWritten = nameof(FrozenLayerWritten);

    /// <summary>An image that the disk, a snapshot or another branch stands on is not there.</summary>
    public const string LayerMissing = nameof(LayerMissing);

    /// <summary>The internal snapshot of a moment, or of a branch that was left, is not in the image.</summary>
    public const string SnapshotMissing = nameof(SnapshotMissing);

    /// <summary>A moment's file cannot be understood.</summary>
    public const string MomentFileInvalid = nameof(MomentFileInvalid);

    /// <summary>A moment's file cannot be read.</summary>
    public const string MomentFileUnreadable = nameof(MomentFileUnreadable);

    /// <summary>A moment's file is larger than any moment's.</summary>
    public const string MomentFileTooLarge = nameof(MomentFileTooLarge);

    /// <summary>The files that say what is recorded where (disks.xml, branches) cannot be used.</summary>
    public const string TrackingInvalid = nameof(TrackingInvalid);

    /// <summary>A moment's parent is not there.</summary>
    public const string ParentMissing = nameof(ParentMissing);

    /// <summary>The parents of moments lead in a circle.</summary>
    public const string ParentCycle = nameof(ParentCycle);

    /// <summary>Two files or entries claim to be the present state.</summary>
    public const string CurrentAmbiguous = nameof(CurrentAmbiguous);

    /// <summary>The moment that the present state is said to descend from is not there.</summary>
    public const string CurrentMissing = nameof(CurrentMissing);

    /// <summary>The file of a branch that is not active cannot be used.</summary>
    public const string BranchFileInvalid = nameof(BranchFileInvalid);

    /// <summary>The snapshot that a branch began at is not there.</summary>
    public const string BranchStartMissing = nameof(BranchStartMissing);

    /// <summary>The image of a branch that is not active does not prove to be what was left there.</summary>
    public const string BranchDoubtful = nameof(BranchDoubtful);

    /// <summary>The saved memory of a snapshot or of a branch is not there.</summary>
    public const string MemoryMissing = nameof(MemoryMissing);

    /// <summary>The record of something kept for Undo cannot be read.</summary>
    public const string KeptInvalid = nameof(KeptInvalid);

    /// <summary>Something kept for Undo cannot be brought back.</summary>
    public const string KeptLost = nameof(KeptLost);

    /// <summary>A moment's definition is of a machine with another UUID.</summary>
    public const string UuidMismatch = nameof(UuidMismatch);

    /// <summary>A moment was taken in the future, by this host's clock.</summary>
    public const string CreatedInFuture = nameof(CreatedInFuture);

    /// <summary>The saved copy of a closed segment is missing or damaged.</summary>
    public const string SidecarUnreadable = nameof(SidecarUnreadable);

    /// <summary>An interrupted operation waits to be finished or undone.</summary>
    public const string OperationPending = nameof(OperationPending);

    /// <summary>The journal of an interrupted operation cannot be read.</summary>
    public const string JournalUnreadable = nameof(JournalUnreadable);

    /// <summary>A block snapshot or a block export whose machine, storage daemon or owner is gone.</summary>
    public const string ServiceEnded = nameof(ServiceEnded);

    /// <summary>Nodes, bitmaps, exports or a storage daemon of ours for a block snapshot or a block export of which there is no record.</summary>
    public const string ServiceLeftover = nameof(ServiceLeftover);

    /// <summary>The record of a block snapshot or a block export cannot be used.</summary>
    public const string ServiceRecordInvalid = nameof(ServiceRecordInvalid);

    /// <summary>The scratch file of a block snapshot is gone, or another file lies in its place.</summary>
    public const string ScratchReplaced = nameof(ScratchReplaced);

    /// <summary>A file that looks like a scratch file of this machine, of which there is no record.</summary>
    public const string ScratchLeftover = nameof(ScratchLeftover);

    /// <summary>A point is held for a block snapshot of which there is no record.</summary>
    public const string PointPinned = nameof(PointPinned);

    /// <summary>The machine cannot be asked.</summary>
    public const string MachineUnreachable = nameof(MachineUnreachable);
}
