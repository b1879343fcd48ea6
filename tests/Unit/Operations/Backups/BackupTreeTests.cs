using MomentTools.Operations.Backups;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupTreeTests
{
    [Fact]
    public void EachBackupHangsBelowTheNewestThatItStandsOn() => Assert.Equal(
        """
        1
        ├─ 2
        │  └─ 4
        └─ 5
        3
        └─ 6
        """,
        Drawn((1, []), (2, [1]), (3, []), (4, [1, 2]), (5, [1]), (6, [1, 3])));

    [Fact]
    public void OfALongChainTheLastLevelsAreDrawn() => Assert.Equal(
        """
        1
        └─ 2
           └─ 3
              └─ 4
                 └─ 5
        …           └─ 6
        …           └─ 7
        """,
        Drawn((1, []), (2, [1]), (3, [2]), (4, [3]), (5, [4]), (6, [5]), (7, [6])));

    [Fact]
    public void WhatStandsOnWhatIsNotThereIsARootAndACircleIsDrawnAsWell() => Assert.Equal("3\n└─ 4\n1\n2", Drawn((1, [2]), (2, [1]), (3, [99]), (4, [3])));

    [Fact]
    public void AChainOfThousandsIsDrawn()
    {
        IReadOnlyList<VMBackup> drawn = BackupTree.Draw([.. Enumerable.Range(1, 20_000).Select(number => Of(number, number == 1 ? [] : [number - 1]))]);
        Assert.Equal(20_000, drawn.Count);
        Assert.All(drawn, backup => Assert.InRange(backup.Tree!.Length, 1, 36));
    }

    private static string Drawn(params (int Number, int[] DependsOn)[] backups) =>
        string.Join('\n', BackupTree.Draw([.. backups.Select(backup => Of(backup.Number, backup.DependsOn))]).Select(backup => backup.Tree));

    private static VMBackup Of(int number, int[] dependsOn) => new()
    {
        VM = "web1", Id = $"{number}", Kind = VMBackupKind.Full, Created = default, Repository = "/r", Uuid = default, DependsOn = [.. dependsOn.Select(one => $"{one}")],
    };
}
