using System.Reflection;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

/// <summary>No operation with a journal comes without tests that kill it at each of its steps.</summary>
public sealed class CrashCoverageTests
{
    // By the name in the journal: where it is killed.
    private static readonly Dictionary<string, (Type Tests, string Method)> Killed = new(StringComparer.Ordinal)
    {
        ["checkpoint-create"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["checkpoint-remove"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["checkpoint-group"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["moment-set"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["bitmap-remove"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["backup"] = (typeof(CrashTests), nameof(CrashTests.AProcessKilledAtAnyStepLosesNothing)),
        ["domain-rename"] = (typeof(DomainRenameTests), nameof(DomainRenameTests.AProcessKilledAtAnyStepLeavesOneWholeDomain)),
        ["domain-unregister"] = (typeof(DomainRemovalTests), nameof(DomainRemovalTests.AProcessKilledAtAnyStepLeavesAllOrNothing)),
    };

    // No operation of its own: the guest that it holds still is let go by the recovery of any.
    private static readonly string[] Beside = [GuestFreeze.Operation];

    [Fact]
    public void EveryOperationIsKilledSomewhere()
    {
        string[] operations = [.. typeof(MomentEngine).Assembly.GetTypes()
            .Select(type => type.GetField("Operation", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field is { IsLiteral: true } && field.FieldType == typeof(string))
            .Select(field => (string)field!.GetRawConstantValue()!)];
        Assert.Contains(CheckpointCreation.Operation, operations);
        Assert.Equal(operations.Except(Beside).Order(StringComparer.Ordinal), Killed.Keys.Order(StringComparer.Ordinal));
        Assert.All(Killed.Values, test => Assert.NotNull(test.Tests.GetMethod(test.Method)));
    }
}
