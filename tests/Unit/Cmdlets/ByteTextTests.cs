using MomentTools.Cmdlets.Views;

namespace MomentTools.Tests.Cmdlets;

public sealed class ByteTextTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(65536, "64 KiB")]
    [InlineData(1048575, "1 MiB")]
    [InlineData(1500000, "1.43 MiB")]
    [InlineData(10737418240, "10 GiB")]
    [InlineData(long.MaxValue, "8 EiB")]
    public void ThreeDigitsAndAUnit(long bytes, string text) => Assert.Equal(text, ByteText.Of(bytes));

    [Fact]
    public void NineColumnsAreEnough()
    {
        for (int shift = 0; shift < 63; shift++)
        {
            foreach (long bytes in new[] { (1L << shift) - 1, 1L << shift, (1L << shift) + (1L << shift) / 3 })
                Assert.True(ByteText.Of(bytes).Length <= 9, ByteText.Of(bytes));
        }
    }
}
