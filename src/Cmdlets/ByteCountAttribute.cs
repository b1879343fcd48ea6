using System.Globalization;
using System.Management.Automation;
using System.Numerics;

namespace MomentTools.Cmdlets;

/// <summary>A parameter that is a number of bytes: takes "64 MiB" beside 64MB, and says what is legal where it cannot be read or is no such number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ByteCountAttribute : ArgumentTransformationAttribute
{
    // 1.1GB is no whole number of bytes, and nobody minds; half a byte was meant to be something else.
    private const decimal LeastCut = 1024;

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = GivenValue.Plain(inputData);
        return value switch
        {
            string text => Whole(ValueText.Bytes(text) ?? throw Refused($"'{text}' is no number of bytes"), text),
            decimal number => Whole(number, value),
            double or float => Whole(Bounded(Convert.ToDouble(value, CultureInfo.InvariantCulture)), value),
            BigInteger number => Whole(number > long.MaxValue ? decimal.MaxValue : number < 0 ? decimal.MinValue : (decimal)number, value),
            ulong number => Whole(number, value),
            _ => value!,
        };
    }

    private static decimal Bounded(double number) => number switch
    {
        double.NaN => throw Refused($"'{number}' is no number of bytes"),
        >= long.MaxValue => decimal.MaxValue,
        <= long.MinValue => decimal.MinValue,
        _ when number == Math.Truncate(number) => (long)number,
        // What is too small for a decimal would become nothing.
        > -1 and < 1 => Math.Sign(number) * 0.5m,
        _ => (decimal)number,
    };

    private static long Whole(decimal bytes, object written) => bytes switch
    {
        < 0 => throw Refused($"'{written}' is less than nothing"),
        > long.MaxValue => throw Refused($"'{written}' is more bytes than can be counted"),
        < LeastCut when bytes != decimal.Truncate(bytes) => throw Refused($"'{written}' is no whole number of bytes"),
        _ => (long)bytes,
    };

    private static ArgumentTransformationMetadataException Refused(string why) =>
        new($"{why}. Write the number alone, or for instance 64MB or 1.5GB: whole bytes, at most {long.MaxValue}.");
}
