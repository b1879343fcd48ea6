using MomentTools.Cmdlets.Views;
using MomentTools.Operations;

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
    public void NineColumnsAreEnoughAndCompletionSaysTheSame()
    {
        for (int shift = 0; shift < 63; shift++)
        {
            foreach (long bytes in new[] { (1L << shift) - 1, 1L << shift, (1L << shift) + (1L << shift) / 3, (1L << shift) / 1024 * 1023 })
            {
                Assert.True(ByteText.Of(bytes).Length <= 9, ByteText.Of(bytes));
                // The engine writes it as well, for completion; the module's assembly may not ask for the engine's inside.
                Assert.Equal(ByteText.Of(bytes), CompletionTips.Bytes(bytes));
            }
        }
    }
}
