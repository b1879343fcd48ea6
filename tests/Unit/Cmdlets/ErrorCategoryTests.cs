using System.Management.Automation;
using MomentTools.Cmdlets.Pipeline;
using MomentTools.Errors;

namespace MomentTools.Tests.Cmdlets;

public sealed class ErrorCategoryTests
{
    public static TheoryData<ErrorKind> Kinds => [.. Enum.GetValues<ErrorKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryKindHasACategory(ErrorKind kind) =>
        Assert.NotEqual(ErrorCategory.NotSpecified, ErrorRecords.CategoryOf(new ErrorId("Some", kind)));

    [Theory]
    [InlineData(ErrorKind.NotFound, ErrorCategory.ObjectNotFound)]
    [InlineData(ErrorKind.AlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData(ErrorKind.InvalidArgument, ErrorCategory.InvalidArgument)]
    [InlineData(ErrorKind.InvalidState, ErrorCategory.InvalidOperation)]
    [InlineData(ErrorKind.Busy, ErrorCategory.ResourceBusy)]
    [InlineData(ErrorKind.Refused, ErrorCategory.InvalidResult)]
    [InlineData(ErrorKind.Connection, ErrorCategory.ConnectionError)]
    [InlineData(ErrorKind.CorruptData, ErrorCategory.InvalidData)]
    public void TheCategoryIsTheOneOfTheKind(ErrorKind kind, ErrorCategory category) =>
        Assert.Equal(category, ErrorRecords.CategoryOf(new ErrorId("Some", kind)));
}
