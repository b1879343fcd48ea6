using FsCheck;
using FsCheck.Fluent;
using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Moments;

public sealed class WildcardPatternTests
{
    [Theory]
    [InlineData("mon*", "Monday", true)]
    [InlineData("*day", "monday", true)]
    [InlineData("*", "", true)]
    [InlineData("?", "", false)]
    [InlineData("d?y", "day", true)]
    [InlineData("d?y", "daay", false)]
    [InlineData("day[123]", "day2", true)]
    [InlineData("day[1-3]", "day4", false)]
    [InlineData("[A-C]x", "bx", true)]
    [InlineData("[a-]x", "-x", true)]
    [InlineData("[]a]x", "]x", true)]
    [InlineData("[]a]x", "ax", true)]
    [InlineData("a`*b", "a*b", true)]
    [InlineData("a`*b", "axb", false)]
    [InlineData("[`]`-]x", "]x", true)]
    [InlineData("[a", "[a", true)]
    [InlineData("a`", "a`", true)]
    [InlineData("été*", "ÉTÉ 1", true)]
    [InlineData("monday", "mondays", false)]
    public void MatchesAsPowerShellDoes(string pattern, string text, bool matches) =>
        Assert.Equal(matches, new WildcardPattern(pattern).IsMatch(text));

    [Fact]
    public void StarsAndQuestionMarksFollowTheirDefinition()
    {
        var letters = Gen.Elements('a', 'b', '*', '?').ListOf(8).Select(list => new string([.. list]));
        var texts = from length in Gen.Choose(0, 9) from text in Gen.Elements('a', 'B').ListOf(length) select new string([.. text]);
        Prop.ForAll(letters.ToArbitrary(), texts.ToArbitrary(), (pattern, text) =>
            Assert.Equal(Naive(pattern, text), new WildcardPattern(pattern).IsMatch(text))).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void ManyStarsDoNotMakeItSlow()
    {
        Quick.Within(TimeSpan.FromSeconds(2), () => Assert.False(new WildcardPattern(string.Concat(Enumerable.Repeat("*a", 100)) + "b").IsMatch(new string('a', 200))));
    }

    private static bool Naive(string pattern, string text)
    {
        if (pattern.Length == 0)
            return text.Length == 0;
        if (pattern[0] == '*')
            return Naive(pattern[1..], text) || (text.Length > 0 && Naive(pattern, text[1..]));
        return text.Length > 0 && (pattern[0] == '?' || char.ToUpperInvariant(pattern[0]) == char.ToUpperInvariant(text[0])) && Naive(pattern[1..], text[1..]);
    }
}
