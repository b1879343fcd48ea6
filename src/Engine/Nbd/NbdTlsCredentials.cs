using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MomentTools.Nbd;

/// <summary>The certificates of a directory: the authority that is trusted, and who the client is.</summary>
internal sealed class NbdTlsCredentials : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    // Files of certificates have a few kilobytes; what has more is something else.
    private const long MaxFile = 1 << 20;

    private readonly X509Certificate2Collection _authorities;
    private readonly X509Certificate2Collection _clients;

    private NbdTlsCredentials(X509Certificate2Collection authorities, X509Certificate2Collection clients)
    {
        _authorities = authorities;
        _clients = clients;
        if (clients.Count > 0)
            Client = SslStreamCertificateContext.Create(clients[0], [.. clients.Skip(1)], offline: true);
    }

    /// <summary>The client's certificate with its key, and those between it and the authority; null where there is none.</summary>
    public SslStreamCertificateContext? Client { get; }

    public static NbdTlsCredentials Load(string directory)
    {
        // A list that is there and not looked at would let in whom it shuts out.
        string revoked = Path.Combine(directory, "ca-crl.pem");
        if (File.Exists(revoked))
            throw NbdErrors.TlsCredentialsInvalid(revoked, "lists of revoked certificates are not supported, and ignoring one would be wrong");
        X509Certificate2Collection authorities = Read(Path.Combine(directory, "ca-cert.pem"), path =>
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(path);
            return found;
        });
        string certificate = Path.Combine(directory, "client-cert.pem"), key = Path.Combine(directory, "client-key.pem");
        if (!File.Exists(certificate) && !File.Exists(key))
            return new NbdTlsCredentials(authorities, []);
        Check(key);
        return new NbdTlsCredentials(authorities, Read(certificate, path =>
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(path);
            if (found.Count > 0)
            {
                found[0].Dispose();
                found[0] = X509Certificate2.CreateFromPemFile(path, key);
            }

            return found;
        }));
    }

    /// <summary>Trust in the directory's authority alone, not in the system's; nothing is fetched from anywhere.</summary>
    public X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        return policy;
    }

    public void Dispose()
    {
        foreach (X509Certificate2 certificate in _authorities.Concat(_clients))
            certificate.Dispose();
    }

    private static X509Certificate2Collection Read(string path, Func<string, X509Certificate2Collection> read)
    {
        Check(path);
        try
        {
            return read(path) is { Count: > 0 } found ? found : throw NbdErrors.TlsCredentialsInvalid(path, "it holds no certificate");
        }
        catch (Exception failure) when (failure is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw NbdErrors.TlsCredentialsInvalid(path, failure.Message, failure);
        }
    }

    private static void Check(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            throw NbdErrors.TlsCredentialsInvalid(path, "there is no such file");
        if (file.Length > MaxFile)
            throw NbdErrors.TlsCredentialsInvalid(path, $"it has {file.Length} bytes, which no certificate has");
    }
}
