using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>
/// The new files of a restore: written under temporary names beside their places, and renamed all together at the end,
/// never onto a file that is there. Disposing it before that removes them.
/// </summary>
internal sealed class RestoreFiles : IDisposable
{
    private readonly string _directory;
    private readonly IOperationReport _report;
    private readonly Dictionary<string, (string Path, string Temporary)> _files = new(StringComparer.Ordinal);
    private IReadOnlyList<string> _made = [];
    private bool _published;

    /// <summary>Chooses the names and refuses what is there already. Nothing is made yet.</summary>
    public RestoreFiles(string directory, IReadOnlyList<string> disks, string format, IOperationReport report)
    {
        _directory = Path.GetFullPath(directory);
        _report = report;
        string mark = RandomNumberGenerator.GetHexString(8, lowercase: true);
        foreach (string disk in disks)
        {
            string path = Path.Combine(_directory, $"{disk}.{format}");
            if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
                throw Exists(path);
            _files.Add(disk, (path, Path.Combine(_directory, $".mt-{mark}-{_files.Count}.partial")));
        }
    }

    /// <summary>The place of a disk's file.</summary>
    public string PathOf(string disk) => _files[disk].Path;

    /// <summary>Where the disk's file is written until it is complete.</summary>
    public string TemporaryOf(string disk) => _files[disk].Temporary;

    /// <summary>Makes the destination where it is missing.</summary>
    public void Begin() => _made = MadeDirectories.Make(_directory);

    /// <summary>Flushes the complete files and gives them their names: all of them, or none.</summary>
    public void Publish()
    {
        foreach ((_, string temporary) in _files.Values)
            DurableFile.FlushFile(temporary);
        List<string> renamed = [];
        try
        {
            foreach ((string path, string temporary) in _files.Values)
            {
                Rename(temporary, path);
                renamed.Add(path);
            }

            DurableFile.FlushDirectory(_directory);
            _published = true;
        }
        finally
        {
            if (!_published)
                Delete(renamed);
        }
    }

    public void Dispose()
    {
        if (_published)
            return;
        Delete(_files.Values.Select(file => file.Temporary));
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
