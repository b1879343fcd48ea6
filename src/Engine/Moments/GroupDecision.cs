using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Moments;

/// <summary>
/// The decision about one operation on several domains: one file, <c>groups/ID.json</c> in the state root, written when all of them have
/// done their part and none has applied it. A domain whose journal refers to a group is finished where the file exists, else undone; so it
/// is all of them or none, in whatever order they are looked at. The file goes when no journal needs it any more.
/// </summary>
/// <param name="Id">The group's id.</param>
/// <param name="Changes">By the id of each domain's journal, what is to be applied: a journal keeps its id though its domain be renamed.</param>
internal sealed record GroupDecision(string Id, IReadOnlyDictionary<string, FileChanges> Changes)
{
    private const string Extension = ".json";

    private static readonly JsonDocumentOptions OneOfEach = new() { AllowDuplicateProperties = false };

    /// <summary>Decides. If this throws and the file is there all the same, it is decided.</summary>
    public void Write(string stateRoot)
    {
        string path = PathOf(stateRoot, Id);
        PrivateDirectory.Make(DirectoryOf(stateRoot));
        DurableFile.FlushDirectory(stateRoot);
        var json = new JsonObject(Changes.Select(domain => KeyValuePair.Create(domain.Key, (JsonNode?)domain.Value.ToJson())));
        DurableFile.Write(path, Encoding.UTF8.GetBytes(json.ToJsonString()));
    }

    /// <summary>What was decided for the domain of this journal, or null: nothing was decided.</summary>
    public static FileChanges? Find(string stateRoot, string id, string journalId) =>
        Read(PathOf(stateRoot, id)) is { } found ? found[journalId] is JsonObject changes ? FileChanges.FromJson(changes) : throw Unreadable(PathOf(stateRoot, id), $"it does not name the journal '{journalId}'") : null;

    /// <summary>Takes the decision back, where nothing was applied; false where it stands.</summary>
    public static bool TryWithdraw(string stateRoot, string id)
    {
        string path = PathOf(stateRoot, id);
        try
        {
            if (File.Exists(path))
                DurableFile.Delete(path);
            return true;
        }
        catch (MomentException)
        {
            return !File.Exists(path);
        }
    }

    /// <summary>Removes the decisions that no journal refers to: what they decided has been applied everywhere.</summary>
    /// <param name="stateRoot">The directory above all domains.</param>
    /// <param name="domains">The directories of all domains.</param>
    public static void Sweep(string stateRoot, Func<IEnumerable<string>> domains)
    {
        if (!Directory.Exists(DirectoryOf(stateRoot)))
            return;
        foreach (string path in Directory.EnumerateFiles(DirectoryOf(stateRoot), "*" + Extension).Where(path => !DurableFile.IsTemporary(path)).ToArray())
            if (Journals(path) is { } journals && !domains().Any(domain => journals.Any(journal => Journal.IsPending(domain, journal))))
                DurableFile.Delete(path);
    }

    private static string DirectoryOf(string stateRoot) => Path.Combine(stateRoot, "groups");

    private static string PathOf(string stateRoot, string id) => Path.Combine(DirectoryOf(stateRoot), id + Extension);

    // One that cannot be read is told where it is needed, and stands in nobody else's way.
    private static string[]? Journals(string path)
    {
        try
        {
            return Read(path) is { } decision ? [.. decision.Select(part => part.Key)] : null;
        }
        catch (MomentException)
        {
            return null;
        }
    }

    private static JsonObject? Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path), null, OneOfEach) as JsonObject ?? throw Unreadable(path, "it is not a JSON object");
        }
        catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException failure)
        {
            throw Unreadable(path, Excerpt.Of(failure.Message), failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the decision", path);
        }
    }

    private static MomentException Unreadable(string path, string why, Exception? inner = null) => new(
        MomentErrors.JournalUnreadable, $"Cannot read the decision '{path}' about a group of domains: {why}", path,
        "The operations that wait for it cannot be finished or undone automatically. Keep the file and look at the domains with Get-VMMoment and Get-VMBitmap before you remove it.", inner);
}
