namespace MomentTools.Fuzz;

/// <summary>Something in the engine that reads what others wrote, and what is known of its answers.</summary>
internal interface IFuzzTarget : IDisposable
{
    string Name { get; }

    /// <summary>How many inputs are tried where no time is given.</summary>
    int Inputs { get; }

    /// <summary>The most bytes that may be allocated for one input, all that the test does with the answer included.</summary>
    long MostBytes { get; }

    /// <summary>How many inputs are tried at once: more than one where an input waits more than it works.</summary>
    int Together => 1;

    /// <summary>An input: one that is sound, damaged so that most of them reach beyond the first check.</summary>
    FuzzInput Make(Random random);

    /// <summary>
    /// Reads an input: true where it is accepted, false or a <see cref="Errors.MomentException"/> where it is refused. Any other exception is a
    /// crash, and so is a <see cref="FuzzFailure"/>, which says that an answer was wrong.
    /// </summary>
    Task<bool> ReadAsync(FuzzInput input);

    /// <summary>What can be held against real tools for many inputs at once, at the end: each line is something that is wrong.</summary>
    IReadOnlyList<string> Judge() => [];
}
