using System.Reflection;
using MomentTools.Operations;
using MomentTools.Tests.Operations.Foreign;
using MomentTools.Tests.Operations.Metadata;

namespace MomentTools.Tests.Operations;

/// <summary>No operation with a journal comes without tests that kill it at each of its steps.</summary>
public sealed class CrashCoverageTests
{
    // By the name in the journal: where it is killed.
    private static readonly Dictionary<string, (Type Tests, string Method)> Killed = new(StringComparer.Ordinal)
    {
        ["checkpoint-create"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["checkpoint-remove"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["moment-set"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["domain-update"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["backup"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["backup-pull"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["restore-in-place"] = (typeof(Backups.Restoring.RestoreCrashTests), nameof(Backups.Restoring.RestoreCrashTests.AProcessKilledAtAnyStepRestoresAllOrNothing)),
        ["checkpoint-group"] = (typeof(GroupCrashTests), nameof(GroupCrashTests.AProcessKilledAtAnyStepMakesAllOrNone)),
        ["quiesce"] = (typeof(QuiesceTests), nameof(QuiesceTests.AProcessKilledAtAnyStepLeavesNoGuestFrozenForLong)),
        ["bitmap-remove"] = (typeof(BitmapRemovalTests), nameof(BitmapRemovalTests.AProcessKilledAtAnyStepLeavesItThereOrNot)),
        ["bitmap-create"] = (typeof(ImportCrashTests), nameof(ImportCrashTests.AKilledBitmapIsMadeOrGone)),
        ["moment-import"] = (typeof(ImportCrashTests), nameof(ImportCrashTests.AKilledImportIsWholeOrNotThere)),
        ["bitmap-adopt"] = (typeof(ForeignCrashTests), nameof(ForeignCrashTests.AKilledAdoptionIsUndoneOrFinished)),
        ["moment-repair"] = (typeof(Repairs.RepairCrashTests), nameof(Repairs.RepairCrashTests.ARepairKilledAtAnyStepIsFinishedByTheNext)),
        ["snapshot-create"] = (typeof(Snapshots.SnapshotCrashTests), nameof(Snapshots.SnapshotCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["hand-over"] = (typeof(ForeignCrashTests), nameof(ForeignCrashTests.AKilledHandOverLeavesAllOursOrAllTheirs)),
        ["domain-rename"] = (typeof(DomainRenameTests), nameof(DomainRenameTests.AProcessKilledAtAnyStepLeavesOneWholeDomain)),
        ["block-snapshot-create"] = (typeof(Serving.BlockSnapshotCrashTests), nameof(Serving.BlockSnapshotCrashTests.AProcessKilledAtAnyStepLeavesItWholeOrNothing)),
        ["block-snapshot-remove"] = (typeof(Serving.BlockSnapshotCrashTests), nameof(Serving.BlockSnapshotCrashTests.AProcessKilledAtAnyStepLeavesItWholeOrNothing)),
        ["block-export-start"] = (typeof(Serving.ExportCrashTests), nameof(Serving.ExportCrashTests.AProcessKilledAtAnyStepLeavesAllOrNothing)),
        ["block-export-stop"] = (typeof(Serving.ExportCrashTests), nameof(Serving.ExportCrashTests.AProcessKilledAtAnyStepLeavesAllOrNothing)),
        ["branch-create"] = (typeof(Branches.BranchCrashTests), nameof(Branches.BranchCrashTests.AProcessKilledAtAnyStepLeavesEachBranchItsOwn)),
        ["branch-rename"] = (typeof(Branches.BranchCrashTests), nameof(Branches.BranchCrashTests.AProcessKilledAtAnyStepLeavesEachBranchItsOwn)),
        ["branch-remove"] = (typeof(Branches.BranchCrashTests), nameof(Branches.BranchCrashTests.AProcessKilledAtAnyStepLeavesEachBranchItsOwn)),
        ["branch-switch"] = (typeof(Branches.BranchCrashTests), nameof(Branches.BranchCrashTests.AProcessKilledAtAnyStepLeavesEachBranchItsOwn)),
        ["layer-merge"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["layer-merged"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["layer-prepare"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["layer-pull"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["layer-unlink"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["let-go"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["snapshot-remove"] = (typeof(Layers.LayerCrashTests), nameof(Layers.LayerCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["image-turn"] = (typeof(Snapshots.InternalCrashTests), nameof(Snapshots.InternalCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["tag-remove"] = (typeof(Snapshots.InternalCrashTests), nameof(Snapshots.InternalCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["machine-hold"] = (typeof(Snapshots.RestoreCrashTests), nameof(Snapshots.RestoreCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["snapshot-undo"] = (typeof(Undo.UndoCrashTests), nameof(Undo.UndoCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["snapshot-use-end"] = (typeof(Undo.UndoCrashTests), nameof(Undo.UndoCrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["restore-instant"] = (typeof(Backups.Restoring.InstantCrashTests), nameof(Backups.Restoring.InstantCrashTests.AProcessKilledAtAnyStepLeavesAMachineThatRunsOrNone)),
        ["domain-unregister"] = (typeof(DomainRemovalTests), nameof(DomainRemovalTests.AProcessKilledAtAnyStepLeavesAllOrNothing)),
    };

    [Fact]
    public void EveryOperationIsKilledSomewhere()
    {
        string[] operations = [.. typeof(MomentEngine).Assembly.GetTypes()
            .Select(type => type.GetField("Operation", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field is { IsLiteral: true } && field.FieldType == typeof(string))
            .Select(field => (string)field!.GetRawConstantValue()!)];
        Assert.Contains(CheckpointCreation.Operation, operations);
        Assert.Equal(operations.Order(StringComparer.Ordinal), Killed.Keys.Order(StringComparer.Ordinal));
        Assert.All(Killed.Values, test => Assert.NotNull(test.Tests.GetMethod(test.Method)));
    }
}
