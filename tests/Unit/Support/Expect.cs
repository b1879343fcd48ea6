using MomentTools.Errors;

namespace MomentTools.Tests.Support;

/// <summary>What is expected to be refused.</summary>
internal static class Expect
{
    /// <summary>Fails with just this error, which is given back to be looked at.</summary>
    public static async Task<MomentException> FailsAsync(ErrorId id, Func<Task> act)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(act);
        Assert.True(failure.ErrorId == id, $"expected {id.Name}, but: {failure.ErrorId.Name}: {failure.Message}");
        return failure;
    }
}
