using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>A parameter that is a number of bytes: takes "64 MiB" beside 64MB, and says what is legal where it cannot be read.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ByteCountAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = GivenValue.Plain(inputData);
        return value is string text
            ? ValueText.Bytes(text) ?? throw new ArgumentTransformationMetadataException($"'{text}' is no number of bytes. Write the number alone, or for instance 64MB or 1.5GB.")
            : value!;
    }
}
