using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// The new files of a restore: written under temporary names beside their places, and renamed all together at the end, never onto a file that
/// is there. Disposing it before that removes them; of a process that died a note tells the next restore.
/// </summary>
internal sealed class RestoreFiles : IDisposable
{
    private readonly string _directory;
    private readonly IOperationReport _report;
    private readonly string _notePath;
    private readonly Dictionary<string, RestoreNote.Entry> _files = new(StringComparer.Ordinal);
    private readonly Guid? _domain;
    private IReadOnlyList<string> _made = [];
    private bool _published;

    /// <summary>Chooses the names and refuses what is there already. Nothing is made yet.</summary>
    /// <param name="directory">Where they are to lie.</param>
    /// <param name="files">What each file is called here, and its name.</param>
    /// <param name="domain">The machine that is registered with them, or null.</param>
    /// <param name="report">Told what could not be removed.</param>
    public RestoreFiles(string directory, IEnumerable<(string Key, string Name)> files, Guid? domain, IOperationReport report)
    {
        _directory = Path.GetFullPath(directory);
        _domain = domain;
        _report = report;
        string mark = ".mt-" + RandomNumberGenerator.GetHexString(8, lowercase: true);
        _notePath = Path.Combine(_directory, mark + RestoreNote.Extension);
        foreach ((string key, string name) in files)
        {
            string path = Path.Combine(_directory, name);
            if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
                throw Exists(path);
            _files.Add(key, new RestoreNote.Entry(name, $"{mark}-{_files.Count}.partial"));
        }
    }

    /// <summary>The place of a file.</summary>
    public string PathOf(string key) => Path.Combine(_directory, _files[key].Name);

    /// <summary>Where the file is written until it is complete.</summary>
    public string TemporaryOf(string key) => Path.Combine(_directory, _files[key].Temporary);

    /// <summary>Makes the destination where it is missing, and notes there what is about to be made.</summary>
    public void Begin()
    {
        _made = MadeDirectories.Make(_directory);
        WriteNote();
    }

    /// <summary>Makes an empty file for its owner alone, to be filled by whoever opens it.</summary>
    public void Create(string key) => OwnedFile.Create(TemporaryOf(key)).Dispose();

    /// <summary>Gives the complete and flushed files their names, then does what makes them wanted: all of it, or nothing.</summary>
    /// <param name="finish">What comes with them; where it fails the files go.</param>
    public async Task PublishAsync(Func<Task>? finish)
    {
        foreach ((string key, RestoreNote.Entry file) in _files.ToArray())
            _files[key] = file.Stamped(_directory);
        WriteNote();
        List<string> renamed = [];
        try
        {
            foreach (string key in _files.Keys)
            {
                Rename(TemporaryOf(key), PathOf(key));
                renamed.Add(PathOf(key));
            }

            DurableFile.FlushDirectory(_directory);
            if (finish is not null)
                await finish();
            _published = true;
        }
        finally
        {
            if (!_published)
                Delete(renamed);
        }

        Delete([_notePath]);
    }

    public void Dispose()
    {
        if (_published)
            return;
        Delete(_files.Keys.Select(TemporaryOf));
        Delete([_notePath]);
        foreach (string made in _made)
        {
            try
            {
                Directory.Delete(made);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                _report.Verbose($"The directory '{made}' stays: {failure.Message}");
            }
        }
    }

    private void WriteNote() => new RestoreNote(StagingOwner.Current(), _domain, [.. _files.Values]).Write(_notePath);

    private static void Rename(string temporary, string path)
    {
        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (Path.Exists(path))
        {
            throw Exists(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write", path);
        }
    }

    private void Delete(IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            try
            {
                File.Delete(path);
            }
            catch (DirectoryNotFoundException)
            {
                // Nothing was written yet.
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // What made the restore fail is the error to report.
                _report.Warning($"The incomplete file '{path}' could not be removed: {failure.Message}");
            }
        }
    }

    private static MomentException Exists(string path) => new(
        FileErrors.FileExists, $"Cannot restore to '{path}': there is a file already, and none is ever overwritten.", path, "Choose another destination, or move the file away.");
}
