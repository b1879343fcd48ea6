using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace MomentTools.Nbd;

/// <summary>
/// TLS by x509 certificates. The server's certificate must lead to the directory's authority and name the host: nothing turns that off.
/// </summary>
/// <param name="Directory">Laid out as QEMU's tls-creds-x509 of a client: ca-cert.pem, and client-cert.pem with client-key.pem or neither.</param>
internal sealed record NbdTls(string Directory)
{
    // What libnbd takes for a unix socket.
    private const string LocalHost = "localhost";

    /// <summary>The name that the server's certificate must bear; null for the host of the address, or "localhost" for a unix socket.</summary>
    public string? HostName { get; init; }

    /// <summary>Runs the TLS handshake on a connection; whoever gets the result disposes it, and the connection with it.</summary>
    public async Task<Stream> EncryptAsync(Stream connection, NbdEndpoint endpoint, CancellationToken cancellation)
    {
        string host = string.IsNullOrEmpty(HostName) ? LocalHost : HostName;
        using NbdTlsCredentials credentials = NbdTlsCredentials.Load(Directory);
        string? distrust = null;
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = host,
            ClientCertificateContext = credentials.Client,
            CertificateChainPolicy = credentials.Policy(),
            AllowRenegotiation = false,
            RemoteCertificateValidationCallback = (_, _, chain, errors) =>
            {
                distrust = Distrust(chain, errors);
                return errors == SslPolicyErrors.None;
            },
        };
        var encrypted = new SslStream(connection, leaveInnerStreamOpen: false);
        try
        {
            await encrypted.AuthenticateAsClientAsync(options, cancellation);
            return encrypted;
        }
        catch (Exception failure)
        {
            await encrypted.DisposeAsync();
            if (failure is AuthenticationException && distrust is not null)
                throw NbdErrors.TlsUntrusted(endpoint, host, distrust);
            if (failure is AuthenticationException or IOException)
                throw NbdErrors.TlsFailed(endpoint, failure);
            throw;
        }
    }

    private static string? Distrust(X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return null;
        var reasons = new List<string>();
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            reasons.Add("there is none");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            reasons.Add("it does not bear that name");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            reasons.AddRange((chain?.ChainStatus ?? []).Select(status => NbdText.Words(System.Text.Encoding.UTF8.GetBytes(status.StatusInformation)).TrimEnd('.')));
        return reasons.Count == 0 ? errors.ToString() : string.Join("; ", reasons.Distinct(StringComparer.Ordinal));
    }
}
