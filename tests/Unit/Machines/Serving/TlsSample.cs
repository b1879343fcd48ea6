using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MomentTools.Tests.Machines.Serving;

/// <summary>Certificates and keys as their owner would make them, in the files that QEMU and libnbd look for.</summary>
internal static class TlsSample
{
    public const string User = "alice";
    public const string Key = "00112233445566778899aabbccddeeff";

    /// <summary>Makes an authority, and a certificate of it for the server and for a client; the client's files lie beside the server's.</summary>
    /// <param name="directory">Where they are made.</param>
    /// <param name="from">From when on the server's is valid, in days from now.</param>
    /// <param name="until">Until when.</param>
    public static void Write(string directory, double from = -1, double until = 30)
    {
        Directory.CreateDirectory(directory);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using X509Certificate2 authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-400), DateTimeOffset.UtcNow.AddDays(400));
        File.WriteAllText(Path.Combine(directory, "ca-cert.pem"), authority.ExportCertificatePem());
        Write(directory, "server", authority, DateTimeOffset.UtcNow.AddDays(from), DateTimeOffset.UtcNow.AddDays(until));
        Write(directory, "client", authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
    }

    public static void WriteKeys(string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "keys.psk"), $"{User}:{Key}\n");
    }

    private static void Write(string directory, string name, X509Certificate2 authority, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(name == "server" ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2")], false));
        using X509Certificate2 certificate = request.Create(authority, from, until, RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Path.Combine(directory, $"{name}-cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(directory, $"{name}-key.pem"), key.ExportPkcs8PrivateKeyPem());
    }
}
