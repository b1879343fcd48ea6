# What the tests of block exports share: writes of a running machine, clients that hang on, certificates, and counts of what could leak.

# Writes to a disk of a running machine as its device: through QEMU's own qemu-io, and so through whatever stands over the image.
function Write-LiveDisk([string] $VM, [string[]] $Command, [int] $Disk = 0) {
    $device = @(Invoke-VMQmpCommand $VM query-block | Where-Object { $_.qdev -and $_.PSObject.Properties['inserted'] })[$Disk].qdev
    foreach ($line in $Command) {
        $said = Invoke-VMQmpCommand $VM human-monitor-command @{ 'command-line' = "qemu-io -d $device `"$line`"" }
        if ("$said" -match 'fail|error') { throw "qemu-io '$line' on ${VM}: $said" }
    }
}

# One number a kind of thing that an export makes, as text that can be compared.
function Get-ServingCount([string] $VM, [string] $Place) {
    $count = [ordered]@{}
    $monitor = (Get-VMDomain $VM).Monitor
    if ($monitor) {
        $nodes = @(Invoke-VMQmpCommand $VM query-named-block-nodes)
        $count.Nodes = $nodes.Count
        $count.Bitmaps = @($nodes.ForEach{ $_.PSObject.Properties['dirty-bitmaps']?.Value }).Where{ $_ }.Count
        $count.Jobs = @(Invoke-VMQmpCommand $VM query-jobs).Count
        $count.Exports = @(Invoke-VMQmpCommand $VM query-block-exports).Count
    }
    $count.Sockets = @(Get-ChildItem "$Place/run" -Recurse -File -Force | Where-Object UnixMode -Like 's*' | Where-Object Name -NotMatch 'qmp|monitor').Count
    $count.Daemons = @(Get-StorageDaemon $Place).Count
    $count.Scratch = @(Get-ChildItem $Place -Recurse -Force -Filter *.scratch.qcow2).Count
    $count.Records = @(Get-ChildItem "$Place/home" -Recurse -Force -File | Where-Object { $_.Directory.Name -in 'blocksnapshots', 'blockexports' }).Count
    ($count.GetEnumerator() | ForEach-Object { "$($_.Key)=$($_.Value)" }) -join ' '
}

# The storage daemons that have anything of this place in their command line.
function Get-StorageDaemon([string] $Place) {
    Get-ChildItem /proc -Directory | Where-Object Name -Match '^\d+$' | ForEach-Object {
        try { $line = [IO.File]::ReadAllText("/proc/$($_.Name)/cmdline") } catch { return }
        if ($line.StartsWith('qemu-storage-daemon') -or $line -match '^\S*/qemu-storage-daemon') { if ($line.Contains($Place)) { [int]$_.Name } }
    }
}

# A client that has read a little, and hangs on until it is killed.
function Start-SlowClient([string] $Uri) {
    $start = [Diagnostics.ProcessStartInfo]@{ FileName = 'bash'; RedirectStandardOutput = $true; RedirectStandardError = $true }
    # nbdcopy blocks on the pipe that nobody reads, with its next reads under way.
    '-c', 'exec nbdcopy --connections=1 "$0" - ', $Uri | ForEach-Object { $start.ArgumentList.Add($_) }
    $client = [Diagnostics.Process]::Start($start)
    $client.StandardOutput.Read() | Out-Null
    $client
}

# Where the blocks of 64 KiB begin that an export calls dirty; -Query is what a client needs besides.
function Get-DirtyBlock($Export, [string] $Query = '') {
    nbdinfo --json "--map=$($Export.Context)" "$($Export.Uri)$Query" | ConvertFrom-Json | Where-Object type -EQ 1 |
        ForEach-Object { for ($at = [long]$_.offset; $at -lt $_.offset + $_.length; $at += 64KB) { $at } }
}

# Waits until something is so; what it waits for is some other process's work.
function Wait-Until([scriptblock] $Condition, [int] $Seconds = 120) {
    $end = [datetime]::UtcNow.AddSeconds($Seconds)
    while (-not (& $Condition)) {
        if ([datetime]::UtcNow -gt $end) { return $false }
        Start-Sleep -Milliseconds 50
    }
    $true
}

# Runs a script in a PowerShell of its own, and kills it without mercy once it has printed 'ready'.
function Invoke-KilledShell([string] $Manifest, [string] $Script) {
    $start = [Diagnostics.ProcessStartInfo]@{ FileName = [Environment]::ProcessPath; RedirectStandardOutput = $true }
    '-NoProfile', '-NonInteractive', '-Command', "Import-Module '$Manifest'; & { $Script } | Out-Null; 'ready'; Start-Sleep 600" | ForEach-Object { $start.ArgumentList.Add($_) }
    $shell = [Diagnostics.Process]::Start($start)
    try {
        $line = $shell.StandardOutput.ReadLine()
        if ($line -ne 'ready') { throw "The other PowerShell said '$line'." }
    }
    finally {
        $shell.Kill()
        $shell.WaitForExit()
        $shell.Dispose()
    }
}

function New-Authority([string] $Name) {
    $key = [Security.Cryptography.ECDsa]::Create([Security.Cryptography.ECCurve+NamedCurves]::nistP256)
    $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new("CN=$Name", $key, 'SHA256')
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509BasicConstraintsExtension]::new($true, $false, 0, $true))
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509KeyUsageExtension]::new('KeyCertSign, CrlSign', $true))
    $request.CreateSelfSigned([datetimeoffset]::UtcNow.AddDays(-30), [datetimeoffset]::UtcNow.AddDays(30))
}

# A directory as QEMU and libnbd want it: ca-cert.pem, and KIND-cert.pem with KIND-key.pem.
function New-Certificate([string] $Path, $Authority, [ValidateSet('server', 'client')][string] $Kind, $Trusted = $Authority, [switch] $Expired) {
    New-Item -ItemType Directory $Path -Force | Out-Null
    $key = [Security.Cryptography.ECDsa]::Create([Security.Cryptography.ECCurve+NamedCurves]::nistP256)
    $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new("CN=$Kind", $key, 'SHA256')
    $usage = [Security.Cryptography.OidCollection]::new()
    $usage.Add($Kind -eq 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2') | Out-Null
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509BasicConstraintsExtension]::new($false, $false, 0, $true))
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509KeyUsageExtension]::new('DigitalSignature', $true))
    $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509EnhancedKeyUsageExtension]::new($usage, $false))
    $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
    $names.AddDnsName('localhost')
    $names.AddIpAddress([ipaddress]::Loopback)
    $request.CertificateExtensions.Add($names.Build())
    $until = [datetimeoffset]::UtcNow.AddDays($Expired ? -1 : 20)
    $certificate = $request.Create($Authority, [datetimeoffset]::UtcNow.AddDays(-20), $until, [guid]::NewGuid().ToByteArray())
    Set-Content "$Path/ca-cert.pem" $Trusted.ExportCertificatePem()
    Set-Content "$Path/$Kind-cert.pem" $certificate.ExportCertificatePem()
    Set-Content "$Path/$Kind-key.pem" $key.ExportPkcs8PrivateKeyPem()
    $Path
}

# Whether a client that nobody here wrote is let in.
function Test-Client([string] $Uri, [int] $Seconds = 20) {
    timeout $Seconds nbdinfo --size $Uri 2>&1 | Out-Null
    $LASTEXITCODE -eq 0
}

Export-ModuleMember -Function *
