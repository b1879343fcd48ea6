using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MomentTools.Tests.Support;

/// <summary>Authorities and certificates for one test, in directories laid out as QEMU's tls-creds-x509 for a server or a client.</summary>
internal sealed class TlsDirectory : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _authority;

    public TlsDirectory(string name = "authority")
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(2));
    }

    /// <summary>Makes a directory with ca-cert.pem, server-cert.pem and server-key.pem.</summary>
    public string Server(string path, string host = "localhost", int daysLeft = 1) => Make(path, "server", host, "1.3.6.1.5.5.7.3.1", daysLeft);

    /// <summary>Makes a directory with ca-cert.pem, client-cert.pem and client-key.pem.</summary>
    public string Client(string path, int daysLeft = 1) => Make(path, "client", "client", "1.3.6.1.5.5.7.3.2", daysLeft);

    /// <summary>Makes a directory with ca-cert.pem alone.</summary>
    public string Authority(string path)
    {
        Directory.CreateDirectory(path);
        File.WriteAllText(Path.Combine(path, "ca-cert.pem"), _authority.ExportCertificatePem());
        return path;
    }

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
    }

    private string Make(string path, string role, string host, string usage, int daysLeft)
    {
        Authority(path);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(host, out IPAddress? address))
            names.AddIpAddress(address);
        else
            names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            _authority, DateTimeOffset.UtcNow.AddDays(Math.Min(-1, daysLeft - 1) + 0.5), DateTimeOffset.UtcNow.AddDays(daysLeft), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Path.Combine(path, $"{role}-cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(path, $"{role}-key.pem"), key.ExportPkcs8PrivateKeyPem());
        return path;
    }
}
