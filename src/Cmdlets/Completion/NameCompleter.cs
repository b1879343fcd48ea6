using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace MomentTools.Cmdlets.Completion;

/// <summary>
/// Completes names from local files: those that begin with the word or match it as a wildcard pattern. It never connects to
/// anything, and never fails: a completion that throws would break the prompt.
/// </summary>
public abstract class NameCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        try
        {
            var word = new CompletionWord(wordToComplete ?? "");
            return [.. Candidates(new MomentEngine(), BoundDomain(fakeBoundParameters), fakeBoundParameters).Where(word.Matches).Select(word.Result)];
        }
#pragma warning disable CA1031 // Whatever goes wrong, the answer is that there is nothing to offer.
        catch (Exception)
#pragma warning restore CA1031
        {
            return [];
        }
    }

    private protected abstract IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm);

    // For names that depend on more of what is bound than the domain.
    private protected virtual IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm, IDictionary? bound) => Candidates(engine, vm);

    // Only one plain name narrows; of several or of a pattern everything is offered.
    private static string? BoundDomain(IDictionary? bound)
    {
        object? value = bound?["VM"] ?? bound?["VMName"] ?? bound?["Domain"] ?? bound?["DomainName"];
        if (value is null || (value is IEnumerable and not string))
            return null;
        string name = new VMReference(value).Name;
        return WildcardPattern.ContainsWildcardCharacters(name) ? null : name;
    }
}
