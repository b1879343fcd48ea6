using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Moments;

/// <summary>
/// The record of one changing operation, a line of JSON a step, each flushed before the step is taken: first the intent, then
/// either the commit (all changes of the metadata) or nothing. An operation that dies before its commit line is undone by the next
/// changing command, one that dies after it is finished.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string Extension = ".jsonl";
    private const string SpaceExtension = ".space";
    private const int Page = 4096;

    // Directories that grow, the generation, and ends of files.
    private const int SparePages = 8;

    private static readonly JsonDocumentOptions OneOfEach = new() { AllowDuplicateProperties = false };

    private readonly FileStream _file;
    private readonly string _domainDirectory;
    private readonly Action<string>? _probe;
    private (FileChanges Changes, StagedFiles Files)? _staged;

    private Journal(FileStream file, string domainDirectory, string id, string operation, Action<string>? probe)
    {
        _file = file;
        _domainDirectory = domainDirectory;
        Id = id;
        Operation = operation;
        _probe = probe;
    }

    /// <summary>The operation's id.</summary>
    public string Id { get; }

    public string Operation { get; }

    /// <summary>Writes the intent. From here on the operation is finished or undone, whatever happens.</summary>
    /// <param name="domainDirectory">The domain's state directory.</param>
    /// <param name="id">The operation's id.</param>
    /// <param name="operation">The kind of operation.</param>
    /// <param name="intent">All that is needed to undo it.</param>
    /// <param name="probe">Called at each step with its name, for tests that kill the process there.</param>
    public static Journal Begin(string domainDirectory, string id, string operation, JsonObject intent, Action<string>? probe)
    {
        string directory = DirectoryOf(domainDirectory);
        string path = System.IO.Path.Combine(directory, id + Extension);
        Journal? journal = null;
        try
        {
            PrivateDirectory.Make(directory);
            journal = new Journal(NewFile(path), domainDirectory, id, operation, probe);
            probe?.Invoke($"{operation}:begin");
            // Together: the file system then writes its own journal once for both.
            Task name = Task.Run(() => DurableFile.FlushDirectory(directory));
            try
            {
                journal.Append(new JsonObject
                {
                    ["operation"] = operation,
                    ["process"] = Environment.ProcessId,
                    ["started"] = DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture),
                    ["intent"] = intent,
                });
            }
            finally
            {
                name.GetAwaiter().GetResult();
            }

            probe?.Invoke($"{operation}:intent");
            return journal;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or MomentException)
        {
            // Nothing was done yet, so there is nothing that a later command would have to look after.
            journal?.Dispose();
            if (journal is not null)
                Remove(path);
            throw failure as MomentException ?? FileErrors.From(failure, "write the journal", path);
        }
    }

    /// <summary>
    /// Takes the space that the commit will need, so that a full disk is found out while nothing is decided: after the commit line the
    /// operation is finished by the next command, though this one would have to say that it failed.
    /// </summary>
    public void Reserve(FileChanges changes)
    {
        long content = changes.Files.Sum(file => Page + (long)Encoding.UTF8.GetByteCount(file.Value ?? ""));
        long line = changes.ToJson().ToJsonString().Length;
        string path = _file.Name + SpaceExtension;
        try
        {
            // Not flushed: the system takes the space when it accepts the bytes, and they need not outlive this process.
            File.Delete(path);
            using FileStream space = NewFile(path);
            space.Write(new byte[content + line + SparePages * Page]);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write the journal", path);
        }
    }

    /// <summary>Adds to the intent what is only known after the first steps; from here on it is part of it, as if it had been there from the beginning.</summary>
    public void Extend(JsonObject more)
    {
        Append(new JsonObject { ["more"] = more });
        _probe?.Invoke($"{Operation}:extended");
    }

    /// <summary>
    /// Brings what will change to stable storage under temporary names, while something else is waited for; the commit then has only to
    /// change the names. Until then nothing is decided.
    /// </summary>
    public void Stage(FileChanges changes) => _staged = (changes, StagedFiles.Stage(Files(_domainDirectory, changes)));

    /// <summary>Names a step to tests without writing anything: nothing needs to be known about it afterwards.</summary>
    public void Pass(string step) => _probe?.Invoke($"{Operation}:{step}");

    /// <summary>Decides the operation: writes the changes into the journal, applies them, and ends it.</summary>
    public void Commit(FileChanges changes)
    {
        _probe?.Invoke($"{Operation}:before-commit");
        File.Delete(_file.Name + SpaceExtension);
        Append(new JsonObject { ["commit"] = changes.ToJson() });
        _probe?.Invoke($"{Operation}:commit");
        Action<string>? done = _probe is null ? null : path => _probe($"{Operation}:apply {System.IO.Path.GetRelativePath(_domainDirectory, path)}");
        DomainGeneration.Change(_domainDirectory, () =>
        {
            if (_staged is { } staged && ReferenceEquals(staged.Changes, changes))
                staged.Files.Apply(done);
            else
                DurableFile.WriteAll(Files(_domainDirectory, changes), done);
        });
        End();
    }

    /// <summary>
    /// Removes the journal: the operation is done or undone. Not flushed: one that a loss of power brings back is done or undone once more,
    /// to no effect, and the next operation flushes the directory before it does anything else.
    /// </summary>
    public void End()
    {
        _probe?.Invoke($"{Operation}:before-end");
        Dispose();
        try
        {
            File.Delete(_file.Name + SpaceExtension);
            File.Delete(_file.Name);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "delete", _file.Name);
        }

        _probe?.Invoke($"{Operation}:end");
    }

    public void Dispose()
    {
        _staged?.Files.Dispose();
        _file.Dispose();
    }

    /// <summary>The operations of a domain that did not end, oldest first. Meaningful while the domain's lock is held.</summary>
    public static IReadOnlyList<JournalEntry> Pending(string domainDirectory)
    {
        string directory = DirectoryOf(domainDirectory);
        if (!Directory.Exists(directory))
            return [];
        return [.. Directory.EnumerateFiles(directory, "*" + Extension).Select(Read).OrderBy(entry => entry.Started)];
    }

    /// <summary>Whether the operation with this id did not end.</summary>
    public static bool IsPending(string domainDirectory, string id) => File.Exists(System.IO.Path.Combine(DirectoryOf(domainDirectory), id + Extension));

    /// <summary>Finishes an operation that was decided.</summary>
    public static void Redo(string domainDirectory, JournalEntry entry)
    {
        DomainGeneration.Change(domainDirectory, () => DurableFile.WriteAll(Files(domainDirectory, entry.Commit!), null));
        Remove(entry.Path);
    }

    public static void Remove(string path)
    {
        // The reserve first: nobody would look for it without its journal.
        File.Delete(path + SpaceExtension);
        DurableFile.Delete(path);
    }

    /// <summary>The error for a journal whose content is not what an operation writes.</summary>
    public static MomentException Unreadable(string path, Exception failure) => new(
        MomentErrors.JournalUnreadable, $"Cannot read the journal '{path}': {Excerpt.Of(failure.Message)}", path,
        "The operation it belongs to cannot be finished or undone automatically. Keep the file and look at the domain with Get-VMMoment and Get-VMBitmap before you remove it.", failure);

    // The intent of a change holds documents, and these may hold passwords.
    private static FileStream NewFile(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("QEMU is driven through Unix sockets and /proc.");
        return new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    private static string DirectoryOf(string domainDirectory) => System.IO.Path.Combine(domainDirectory, "journal");

    // Each write is whole or not at all, and doing it twice gives the same: that is what makes a redo safe.
    private static List<(string Path, byte[]? Content)> Files(string domainDirectory, FileChanges changes)
    {
        List<(string Path, byte[]? Content)> files = [];
        foreach ((string relative, string? content) in changes.Files)
        {
            string path = System.IO.Path.Combine(domainDirectory, relative);
            if (content is not null)
                PrivateDirectory.Make(System.IO.Path.GetDirectoryName(path)!);
            files.Add((path, content is null ? null : Encoding.UTF8.GetBytes(content)));
        }

        return files;
    }

    private static JournalEntry Read(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllText(path).Split('\n');
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the journal", path);
        }

        string id = System.IO.Path.GetFileNameWithoutExtension(path);
        var entry = new JournalEntry(path, id, "", 0, new DateTimeOffset(File.GetLastWriteTimeUtc(path)), [], null);
        try
        {
            // What stands behind the last line feed is a line that was not written whole: its step was not taken.
            foreach (JsonObject line in lines[..^1].Select(line => (JsonObject)JsonNode.Parse(line, null, OneOfEach)!))
            {
                if (line["intent"] is JsonObject intent)
                    entry = entry with { Operation = (string)line["operation"]!, ProcessId = (int)line["process"]!, Started = Time((string)line["started"]!), Intent = intent };
                else if (line["more"] is JsonObject more)
                    entry = entry with { Intent = Merged(entry.Intent, more) };
                else if (line["commit"] is JsonObject files)
                    entry = entry with { Commit = FileChanges.FromJson(files) };
                else
                    throw new FormatException("a line is neither an intent nor a commit");
            }
        }
        catch (Exception failure) when (failure is JsonException or InvalidCastException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw Unreadable(path, failure);
        }

        return entry;
    }

    private static DateTimeOffset Time(string text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out DateTimeOffset time) ? time
        : throw new FormatException("when it began is no time");

    private static JsonObject Merged(JsonObject intent, JsonObject more)
    {
        var merged = (JsonObject)intent.DeepClone();
        foreach ((string name, JsonNode? value) in more)
            merged[name] = value?.DeepClone();
        return merged;
    }

    private void Append(JsonObject line)
    {
        try
        {
            _file.Write(Encoding.UTF8.GetBytes(line.ToJsonString() + "\n"));
            _file.Flush(flushToDisk: true);
        }
        catch (IOException failure)
        {
            throw FileErrors.From(failure, "write the journal", _file.Name);
        }
    }
}
