using System.Globalization;
using MomentTools.Cmdlets;

namespace MomentTools.Tests.Cmdlets;

public sealed class ValueTextTests
{
    [Theory]
    [InlineData("90s", 90)]
    [InlineData("30m", 1800)]
    [InlineData("1.5 H", 5400)]
    [InlineData("2d", 172800)]
    [InlineData("8:00", 28800)]
    [InlineData("1.0:0", 86400)]
    [InlineData("0", 0)]
    [InlineData("0s", 0)]
    public void ATimeIsRead(string text, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), ValueText.Duration(text));

    // '8' would be eight days, and 'm' may be minutes or months: only what means one thing is taken.
    [Theory]
    [InlineData("8")]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("-3h")]
    [InlineData("3 months")]
    [InlineData("999999999d")]
    [InlineData("1e9s")]
    [InlineData("٣h")]
    public void WhatIsNoTimeIsNone(string text) => Assert.Null(ValueText.Duration(text));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("65536", 65536)]
    [InlineData("64MB", 64 << 20)]
    [InlineData("64 MiB", 64 << 20)]
    [InlineData("64m", 64 << 20)]
    [InlineData("1.5gb", 3L << 29)]
    [InlineData("8191PB", 8191L << 50)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void ASizeIsRead(string text, long bytes) => Assert.Equal(bytes, ValueText.Bytes(text));

    [Theory]
    [InlineData("0.5", "0.5")]
    [InlineData("0.0001 KB", "0.1024")]
    [InlineData("0.00000000000000000001", "0.00000000000000000001")]
    [InlineData("-1", "-1")]
    [InlineData("-1.5KB", "-1536")]
    public void WhatNothingCanHaveIsReadAsItIsWritten(string text, string bytes) => Assert.Equal(decimal.Parse(bytes, CultureInfo.InvariantCulture), ValueText.Bytes(text));

    [Theory]
    [InlineData("8192PB")]
    [InlineData("9223372036854775808")]
    [InlineData("9999999999999999999")]
    [InlineData("99999999999999999999999999999999999999999999")]
    public void WhatIsTooMuchIsMoreThanALongHolds(string text) => Assert.True(ValueText.Bytes(text) > long.MaxValue);

    [Theory]
    [InlineData("")]
    [InlineData("MB")]
    [InlineData("- 1")]
    [InlineData("0x10")]
    [InlineData("64 sectors")]
    [InlineData("1,5GB")]
    [InlineData("0.000000000000000000001")]
    public void WhatIsNoSizeIsNone(string text) => Assert.Null(ValueText.Bytes(text));
}
