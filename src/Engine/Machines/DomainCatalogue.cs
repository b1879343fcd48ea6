using System.Security.Cryptography;
using System.Text;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>The domains that are known: one directory each, called by the domain's name, with its document.</summary>
internal sealed class DomainCatalogue(string stateRoot, string runtimeRoot)
{
    private const int ShortIdBytes = 4;
    /// <summary>A domain's document in its directory.</summary>
    public const string DocumentName = "domain.xml";

    private readonly string _domains = Path.Combine(stateRoot, "domains");

    /// <summary>The names of all domains, in order; nothing but the directory is read.</summary>
    public IReadOnlyList<string> Names()
    {
        try
        {
            // What begins with a dot is not complete, or no longer.
            return
            [
                .. Directory.EnumerateDirectories(_domains).Select(path => Path.GetFileName(path))
                    .Where(name => name[0] != '.').Order(StringComparer.Ordinal),
            ];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "list the domains in", _domains);
        }
    }

    /// <summary>The directories of all domains.</summary>
    public IEnumerable<string> Directories() => Names().Select(name => Path.Combine(_domains, name));

    /// <summary>The directory of a domain, found without reading its document.</summary>
    /// <exception cref="MomentException"><c>VMNotFound</c>, with names that are near.</exception>
    public string DirectoryOf(string name)
    {
        string directory = Path.Combine(_domains, name);
        // The names alone decide: a name like "../x" must not lead elsewhere.
        return MomentNames.DomainRule(name) is null && Directory.Exists(directory) ? directory : throw MachineErrors.NotFound(name, Names());
    }

    /// <summary>Where a domain's files are.</summary>
    /// <exception cref="MomentException"><c>VMNotFound</c>, with names that are near.</exception>
    public DomainPlace Place(string name) => PlaceOf(Read(name));

    /// <summary>The name that the machine with this UUID has now, or null: it is not known.</summary>
    public string? NameOf(Guid uuid) => TwinOf(null, uuid);

    /// <summary>The domain's document, passwords included.</summary>
    public DomainDocument Load(DomainPlace place) => Read(place.Name);

    /// <summary>Makes a domain known. It must have a UUID; neither that nor its name may be taken.</summary>
    /// <param name="domain">Its document.</param>
    /// <param name="prepare">Given its directory before anybody can know of the domain: what is put there appears with it.</param>
    public DomainPlace Add(DomainDocument domain, Action<string>? prepare = null)
    {
        DomainPlace place = PlaceOf(domain);
        PrivateDirectory.Make(_domains);
        using DirectoryLock held = DirectoryLock.Take(_domains);
        RefuseTaken(domain, "register", self: null);
        // Made under this lock alone: what is there was left by a process that died.
        foreach (string left in Directory.EnumerateDirectories(_domains, ".new-*").ToArray())
            Directory.Delete(left, recursive: true);
        string staging = Path.Combine(_domains, ".new-" + Guid.NewGuid().ToString("N")[..12]);
        PrivateDirectory.Make(staging);
        try
        {
            DurableFile.Write(Path.Combine(staging, DocumentName), Encoding.UTF8.GetBytes(domain.ToXml(secure: true)));
            prepare?.Invoke(staging);
            // The system refuses to rename over a directory that has something in it: nobody is ever overwritten.
            Directory.Move(staging, place.StateDirectory);
            DurableFile.FlushDirectory(_domains);
            return place;
        }
        catch (Exception failure)
        {
            if (Directory.Exists(staging))
                Directory.Delete(staging, recursive: true);
            if (failure is IOException or UnauthorizedAccessException)
                throw FileErrors.From(failure, "make the directory", place.StateDirectory);
            throw;
        }
    }

    /// <summary>
    /// Where a domain's files are, and its document; where that bears an older name still, it is written under the right one. The domain's
    /// lock must be held.
    /// </summary>
    public (DomainPlace Place, DomainDocument Domain) Settle(string name)
    {
        DomainDocument domain = Read(name, out bool renamed);
        DomainPlace place = PlaceOf(domain);
        if (renamed)
            Save(place, domain);
        return (place, domain);
    }

    /// <summary>
    /// Gives a domain another name, with all that is kept about it. The directory's name is the truth: it changes in one step, and a
    /// document that still has the old name is put right by whoever changes the domain next. The domain's lock must be held; it moves along.
    /// </summary>
    /// <param name="step">Told the steps by name.</param>
    public DomainPlace Rename(DomainPlace place, string newName, Action<string>? step)
    {
        DomainDocument domain = Read(place.Name).WithName(newName);
        using DirectoryLock held = DirectoryLock.Take(_domains);
        RefuseTaken(domain, "rename a domain to", self: place.Name);
        DomainPlace renamed = PlaceOf(domain);
        try
        {
            step?.Invoke("move");
            Directory.Move(place.StateDirectory, renamed.StateDirectory);
            DurableFile.FlushDirectory(_domains);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "rename the directory", place.StateDirectory);
        }

        step?.Invoke("document");
        Save(renamed, domain);
        step?.Invoke("end");
        return renamed;
    }

    /// <summary>Writes a domain's document anew.</summary>
    public void Save(DomainPlace place, DomainDocument domain)
    {
        if (domain.Name != place.Name)
            throw new ArgumentException($"The document is that of '{domain.Name}', not of '{place.Name}'.", nameof(domain));
        DurableFile.Write(DocumentPath(place.Name), Encoding.UTF8.GetBytes(domain.ToXml(secure: true)));
    }

    /// <summary>Forgets a domain, and everything that is kept about it.</summary>
    public void Remove(DomainPlace place)
    {
        using DirectoryLock held = DirectoryLock.Take(_domains);
        string aside = Path.Combine(_domains, ".old-" + Guid.NewGuid().ToString("N")[..12]);
        try
        {
            // Gone with one rename: a crash in the middle of deleting leaves no half-known domain.
            Directory.Move(place.StateDirectory, aside);
            DurableFile.FlushDirectory(_domains);
            foreach (string old in Directory.EnumerateDirectories(_domains, ".old-*").ToArray())
                Directory.Delete(old, recursive: true);
            if (Directory.Exists(place.RuntimeDirectory))
                Directory.Delete(place.RuntimeDirectory, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "remove the directory", place.StateDirectory);
        }
    }

    private string DocumentPath(string name) => Path.Combine(_domains, name, DocumentName);

    private DomainDocument Read(string name) => Read(name, out _);

    private DomainDocument Read(string name, out bool renamed)
    {
        string path = Path.Combine(DirectoryOf(name), DocumentName);
        DomainDocument domain = DomainDocument.Load(path);
        renamed = domain.Name != name;
        string? fault = domain.Uuid is null ? "it has no UUID" : renamed && TwinOf(name, domain.Uuid) is { } twin ? $"domain '{twin}' has the same UUID" : null;
        if (fault is not null)
        {
            throw new MomentException(
                MachineErrors.VMDocumentMismatch, $"'{path}' is not the document of domain '{name}': {fault}.", name,
                "The directory was copied, or the file changed by hand. Put back the UUID that it had, or remove the copy.");
        }

        return renamed ? domain.WithName(name) : domain;
    }

    private DomainPlace PlaceOf(DomainDocument domain)
    {
        Guid uuid = domain.Uuid ?? throw new ArgumentException("The document has no UUID.", nameof(domain));
        // Two state roots may know the same machine and share the runtime root: their sockets must not.
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{_domains}\n{uuid:D}"));
        string shortId = Convert.ToHexStringLower(hash.AsSpan(0, ShortIdBytes));
        return new DomainPlace(domain.Name, Path.Combine(_domains, domain.Name), Path.Combine(runtimeRoot, shortId));
    }

    private void RefuseTaken(DomainDocument domain, string doing, string? self)
    {
        if (Names().Contains(domain.Name, StringComparer.Ordinal))
            throw MachineErrors.Exists(domain.Name, doing, domain.Name == self ? "that is its name already" : "a domain of this name is registered already");
        if (TwinOf(self, domain.Uuid) is { } twin)
            throw MachineErrors.Exists(domain.Name, doing, $"domain '{twin}' has the same UUID {domain.Uuid:D}");
    }

    private string? TwinOf(string? name, Guid? uuid) => Names().FirstOrDefault(other => other != name && UuidOf(other) == uuid);

    // A broken document of another domain is reported where that domain is used; it does not stand in the way here.
    private Guid? UuidOf(string name)
    {
        try
        {
            return DomainDocument.Load(DocumentPath(name)).Uuid;
        }
        catch (MomentException)
        {
            return null;
        }
    }
}
