using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// The credentials that a server proves itself with, in the directory and under the file names that QEMU's tls-creds objects have. What
/// is wrong with them is said before anything is started; QEMU judges them once more.
/// </summary>
internal static class TlsCredentials
{
    private const string ObjectId = "tls0";
    private const string KeysFile = "keys.psk";
    private const string AuthorityFile = "ca-cert.pem";
    private const string CertificateFile = "server-cert.pem";
    private const string KeyFile = "server-key.pem";

    // A file of credentials has a few kilobytes.
    private const int MaxFile = 1 << 20;

    private const X509ChainStatusFlags Broken =
        X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid | X509ChainStatusFlags.CtlNotSignatureValid;

    /// <summary>Checks what is there.</summary>
    /// <param name="x509">The directory of certificates, or null.</param>
    /// <param name="psk">The directory of keys, or null.</param>
    /// <exception cref="MomentException"><c>TlsCredentialsMissing</c>, <c>TlsCredentialsInvalid</c>.</exception>
    public static void Check(string? x509, string? psk)
    {
        if (x509 is not null && psk is not null)
            throw ServingDaemonErrors.CredentialsInvalid(psk, "is given beside certificates, and a server uses one kind");
        if (x509 is not null)
            CheckCertificates(x509);
        if (psk is not null)
            CheckKeys(psk);
    }

    /// <summary>Gives them to QEMU.</summary>
    /// <returns>The id of the object, or null where there are none.</returns>
    public static async Task<string?> AddAsync(QmpClient qmp, string? x509, string? psk, CancellationToken cancellation)
    {
        if ((x509 ?? psk) is not { } directory)
            return null;
        var arguments = new JsonObject { ["qom-type"] = x509 is null ? "tls-creds-psk" : "tls-creds-x509", ["id"] = ObjectId, ["endpoint"] = "server", ["dir"] = directory };
        if (x509 is not null)
            arguments["verify-peer"] = true;
        try
        {
            await qmp.ExecuteAsync("object-add", arguments, cancellation);
            return ObjectId;
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw ServingDaemonErrors.CredentialsInvalid(directory, $"is refused: {refused.Message.TrimEnd('.')}", refused);
        }
    }

    private static void CheckKeys(string directory)
    {
        string path = Path.Combine(directory, KeysFile);
        string[] lines = [.. Read(path, "psk").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('#'))];
        if (lines.Length == 0)
            throw ServingDaemonErrors.CredentialsInvalid(path, "has no key");
        for (int i = 0; i < lines.Length; i++)
            if (lines[i].LastIndexOf(':') is var colon && (colon < 1 || colon == lines[i].Length - 1 || !lines[i].AsSpan(colon + 1).ContainsOnlyHex()))
                throw ServingDaemonErrors.CredentialsInvalid(path, $"has as its key number {i + 1} something other than USER:HEXKEY");
    }

    private static void CheckCertificates(string directory)
    {
        string authorityPath = Path.Combine(directory, AuthorityFile), certificatePath = Path.Combine(directory, CertificateFile), keyPath = Path.Combine(directory, KeyFile);
        using var authorities = new Disposables(Certificates(authorityPath));
        using var own = new Disposables(Certificates(certificatePath));
        string key = Read(keyPath, "x509");
        foreach ((string path, X509Certificate2 certificate) in authorities.Items.Select(one => (authorityPath, one)).Append((certificatePath, own.Items[0])))
            CheckDates(path, certificate);
        CheckKey(certificatePath, own.Items[0], keyPath, key);
        CheckIssuer(certificatePath, own.Items, authorities.Items);
    }

    private static void CheckDates(string path, X509Certificate2 certificate)
    {
        DateTime now = DateTime.Now;
        if (certificate.NotAfter < now)
            throw ServingDaemonErrors.CredentialsInvalid(path, $"expired {certificate.NotAfter:yyyy-MM-dd HH:mm}");
        if (certificate.NotBefore > now)
            throw ServingDaemonErrors.CredentialsInvalid(path, $"is valid only from {certificate.NotBefore:yyyy-MM-dd HH:mm} on");
    }

    private static void CheckKey(string certificatePath, X509Certificate2 certificate, string keyPath, string key)
    {
        using AsymmetricAlgorithm? known = (AsymmetricAlgorithm?)certificate.GetRSAPublicKey() ?? certificate.GetECDsaPublicKey();
        // Others are for QEMU to judge.
        if (known is null)
            return;
        byte[] expected = known.ExportSubjectPublicKeyInfo();
        try
        {
            known.ImportFromPem(key);
        }
        catch (Exception failure) when (failure is ArgumentException or CryptographicException)
        {
            throw ServingDaemonErrors.CredentialsInvalid(keyPath, $"is not the unencrypted private key of '{certificatePath}'", failure);
        }

        if (!known.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(expected))
            throw ServingDaemonErrors.CredentialsInvalid(keyPath, $"is not the key of '{certificatePath}'");
    }

    private static void CheckIssuer(string path, X509Certificate2Collection own, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.ExtraStore.AddRange(own);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        _ = chain.Build(own[0]);
        if (chain.ChainStatus.Any(status => (status.Status & Broken) != X509ChainStatusFlags.NoError))
            throw ServingDaemonErrors.CredentialsInvalid(path, $"was not issued by an authority in {AuthorityFile}");
    }

    private static X509Certificate2Collection Certificates(string path)
    {
        X509Certificate2Collection found = [];
        try
        {
            found.ImportFromPem(Read(path, "x509"));
        }
        catch (CryptographicException failure)
        {
            throw ServingDaemonErrors.CredentialsInvalid(path, "is not a certificate in PEM form", failure);
        }

        return found.Count > 0 ? found : throw ServingDaemonErrors.CredentialsInvalid(path, "has no certificate in PEM form");
    }

    private static string Read(string path, string kind)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return file.Length <= MaxFile ? new StreamReader(file).ReadToEnd() : throw ServingDaemonErrors.CredentialsInvalid(path, "is too large for credentials");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw ServingDaemonErrors.CredentialsMissing(path, kind);
        }
    }

    private static bool ContainsOnlyHex(this ReadOnlySpan<char> text)
    {
        foreach (char one in text)
            if (!char.IsAsciiHexDigit(one))
                return false;
        return true;
    }

    private sealed class Disposables(X509Certificate2Collection items) : IDisposable
    {
        public X509Certificate2Collection Items => items;

        public void Dispose()
        {
            foreach (X509Certificate2 item in items)
                item.Dispose();
        }
    }
}
