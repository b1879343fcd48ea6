namespace MomentTools.Fuzz;

/// <summary>An input was accepted, and the answer is wrong; or it was refused in the wrong way.</summary>
internal sealed class FuzzFailure(string message) : Exception(message)
{
    public static void When(bool wrong, string message)
    {
        if (wrong)
            throw new FuzzFailure(message);
    }
}
