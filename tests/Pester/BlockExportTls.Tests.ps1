# Encrypted exports, as foreign clients see them. The certificates are made here; nothing of the host's own is used.
BeforeDiscovery {
    $tools = [bool](Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)
    # libnbd can be built without TLS: then it says so when it is asked for it.
    $encrypted = $tools -and (nbdinfo --size 'nbds+unix:///?socket=/nowhere' 2>&1 | Out-String) -notmatch 'TLS'
    if (-not $encrypted) { Write-Host 'The TLS tests are skipped: libnbd is not here, or was built without TLS.' }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Serving.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'An encrypted block export of a <_> machine' -ForEach stopped, running -Skip:(-not $encrypted) {
    BeforeAll {
        $vm = "t-$_"
        New-Machine $place $vm | Out-Null
        Write-Disk "$place/$vm.qcow2" 'write -P 17 1M 64k'
        New-VMCheckpoint $vm monday | Out-Null
        Write-Disk "$place/$vm.qcow2" 'write -P 34 2M 64k'
        if ($_ -eq 'running') { Start-VMDomain $vm -Paused | Out-Null }
        $before = Get-ServingCount $vm $place
        $authority = New-Authority 'the authority'
        $stranger = New-Authority 'another authority'
        $server = New-Certificate "$place/server" $authority server
        $client = New-Certificate "$place/client" $authority client
    }

    AfterEach {
        Stop-VMBlockExport $vm -Confirm:$false -ErrorAction Ignore
        Get-ServingCount $vm $place | Should -Be $before
    }

    Context 'with certificates' {
        It 'lets in a client with a certificate of the same authority, and keeps the contexts' {
            $export = Start-VMBlockExport $vm -Since monday -Address tcp://127.0.0.1:0 -TlsX509 $server
            $export.Tls | Should -BeTrue
            "$($export.Uri)" | Should -Match '^nbds://127\.0\.0\.1:\d+/vda$'
            Test-Client "$($export.Uri)?tls-certificates=$client" | Should -BeTrue
            nbdcopy "$($export.Uri)?tls-certificates=$client" "$place/copy.raw"
            qemu-io -r -f raw -c 'read -P 17 1M 64k' -c 'read -P 34 2M 64k' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
            Get-DirtyBlock $export "?tls-certificates=$client" | Should -Be 2MB
            (Get-VMBlockExport $vm).Tls | Should -BeTrue
        }

        It 'is encrypted on a unix socket, too' {
            $export = Start-VMBlockExport $vm -Address "unix://$place/tls.sock" -TlsX509 $server
            "$($export.Uri)" | Should -Be "nbds+unix:///vda?socket=$place/tls.sock"
        }

        It 'keeps out <Who>' -ForEach @(
            @{ Who = 'a client that does not encrypt'; Uri = { $args[0] -replace '^nbds', 'nbd' } }
            @{ Who = 'a client without a certificate'; Uri = { $bare = "$place/bare"; New-Item -ItemType Directory $bare -Force | Out-Null; Copy-Item "$client/ca-cert.pem" $bare; "$($args[0])?tls-certificates=$bare" } }
            @{ Who = 'a client with a certificate of another authority'; Uri = { "$($args[0])?tls-certificates=$(New-Certificate "$place/strange" $stranger client -Trusted $authority)" } }
            @{ Who = 'a client whose certificate has expired'; Uri = { "$($args[0])?tls-certificates=$(New-Certificate "$place/old" $authority client -Expired)" } }
            @{ Who = 'a client that does not trust the server''s authority'; Uri = { "$($args[0])?tls-certificates=$(New-Certificate "$place/doubt" $authority client -Trusted $stranger)" } }
        ) {
            $export = Start-VMBlockExport $vm -Address tcp://127.0.0.1:0 -TlsX509 $server
            Test-Client (& $Uri "$($export.Uri)") | Should -BeFalse
            Test-Client "$($export.Uri)?tls-certificates=$client" | Should -BeTrue -Because 'the next one is let in'
        }

        It 'is not started with <What>' -ForEach @(
            @{ What = 'a certificate that has expired'; Make = { New-Certificate "$place/expired" $authority server -Expired } }
            @{ What = 'a certificate of another authority'; Make = { New-Certificate "$place/other" $stranger server -Trusted $authority } }
            @{ What = 'a directory that is not there'; Make = { "$place/nowhere" } }
            @{ What = 'a directory with nothing in it'; Make = { (New-Item -ItemType Directory "$place/empty" -Force).FullName } }
            @{ What = 'a key that is missing'; Make = { $path = New-Certificate "$place/keyless" $authority server; Remove-Item "$path/server-key.pem"; $path } }
        ) {
            $failure = { Start-VMBlockExport $vm -Address tcp://127.0.0.1:0 -TlsX509 (& $Make) -ErrorAction Stop } | Should -Throw -PassThru
            $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            Get-VMBlockExport $vm | Should -BeNullOrEmpty
        }
    }

    Context 'with a shared key' {
        BeforeAll {
            $key = -join (1..32 | ForEach-Object { '{0:x2}' -f (Get-Random -Maximum 256) })
            New-Item -ItemType Directory "$place/psk", "$place/bad" -Force | Out-Null
            Set-Content "$place/psk/keys.psk" "alice:$key"
            Set-Content "$place/bad/keys.psk" "alice:$(-join $key[63..0])"
        }

        It 'lets in who knows the key, and nobody else' {
            $export = Start-VMBlockExport $vm -Address tcp://127.0.0.1:0 -TlsPsk "$place/psk"
            $export.Tls | Should -BeTrue
            $at = $export.Uri.Authority
            Test-Client "nbds://alice@$at/vda?tls-psk-file=$place/psk/keys.psk" | Should -BeTrue
            Test-Client "nbds://alice@$at/vda?tls-psk-file=$place/bad/keys.psk" | Should -BeFalse
            Test-Client "nbd://$at/vda" | Should -BeFalse
            Test-Client "nbds://$at/vda?tls-certificates=$client" | Should -BeFalse
            nbdcopy "nbds://alice@$at/vda?tls-psk-file=$place/psk/keys.psk" "$place/copy.raw"
            qemu-io -r -f raw -c 'read -P 17 1M 64k' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
        }

        It 'is not started without keys' {
            { Start-VMBlockExport $vm -Address tcp://127.0.0.1:0 -TlsPsk "$place/nowhere" -ErrorAction Stop } | Should -Throw
            Get-VMBlockExport $vm | Should -BeNullOrEmpty
        }
    }

    It 'listens everywhere with TLS, by a name or an address that can be reached' {
        $export = Start-VMBlockExport $vm -Address tcp://0.0.0.0:0 -TlsX509 $server
        "$($export.Uri)" | Should -Match '^nbds://'
        "$($export.Uri)" | Should -Not -Match '0\.0\.0\.0'
    }
}
