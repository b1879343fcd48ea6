BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $server = @{ Process = $null; Port = 0; Options = @{} }

    # An sshd of our own: on 127.0.0.1, a port that is free, with keys that nobody else has. What it says is why there is none.
    function Start-Sshd {
        # Its place is seldom on PATH, and it wants to be called by its whole name.
        $program = (Get-Command sshd, /usr/sbin/sshd, /usr/local/sbin/sshd -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source
        if (-not $program) { return 'there is no sshd on this machine' }
        if (@(Get-Command ssh, ssh-keygen -CommandType Application -ErrorAction Ignore).Count -lt 2) { return 'there is no ssh on this machine' }
        New-Item -ItemType Directory "$place/ssh" | Out-Null
        chmod 700 "$place/ssh"
        ssh-keygen -q -t ed25519 -N '' -f "$place/ssh/host"
        ssh-keygen -q -t ed25519 -N '' -f "$place/ssh/user"
        Copy-Item "$place/ssh/user.pub" "$place/ssh/authorized"
        $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
        $listener.Start()
        $server.Port = $listener.LocalEndpoint.Port
        $listener.Stop()
        $modules = Split-Path (Split-Path (Split-Path (Get-ManifestPath)))
        Set-Content "$place/ssh/config" @(
            "ListenAddress 127.0.0.1"
            "Port $($server.Port)"
            "HostKey $place/ssh/host"
            "AuthorizedKeysFile $place/ssh/authorized"
            "PidFile none"
            "StrictModes no"
            "UsePAM no"
            "PasswordAuthentication no"
            "KbdInteractiveAuthentication no"
            "PermitRootLogin prohibit-password"
            "SetEnv PSModulePath=$modules MOMENTTOOLS_HOME=$place/home XDG_RUNTIME_DIR=$place/run PATH=$env:PATH DOTNET_ROOT=$env:DOTNET_ROOT"
            "Subsystem powershell $([Environment]::ProcessPath) -sshs -NoLogo -NoProfile"
        )
        $said = & $program -t -f "$place/ssh/config" 2>&1
        if ($LASTEXITCODE) { return "the sshd of this machine cannot be run as it is: $said" }
        $start = [Diagnostics.ProcessStartInfo]::new($program)
        '-D', '-e', '-f', "$place/ssh/config" | ForEach-Object { $start.ArgumentList.Add($_) }
        $start.RedirectStandardError = $true
        $server.Process = [Diagnostics.Process]::Start($start)
        $server.Process.StandardError.ReadToEndAsync() | Out-Null
        $server.Options = @{ StrictHostKeyChecking = 'no'; UserKnownHostsFile = "$place/ssh/known"; LogLevel = 'ERROR'; IdentitiesOnly = 'yes' }
        $arguments = $server.Options.GetEnumerator().ForEach{ '-o'; "$($_.Key)=$($_.Value)" }
        foreach ($attempt in 1..50) {
            $said = ssh @arguments -o BatchMode=yes -i "$place/ssh/user" -p $server.Port 127.0.0.1 true 2>&1
            if (-not $LASTEXITCODE) { return }
            if ($server.Process.HasExited) { break }
            Start-Sleep -Milliseconds 100
        }
        "nobody can log in to the sshd of this machine: $said"
    }

    $missing = @(Get-Command qemu-storage-daemon, qemu-img, qemu-io -ErrorAction Ignore).Count -lt 3 ? 'there is no QEMU on this machine' : (Start-Sshd)

    if (-not $missing) {
        New-Machine $place far1 | Out-Null
        New-Machine $place far2 | Out-Null
        Write-Disk "$place/far1.qcow2" 'write -P 1 0 8M'
        $session = New-PSSession -HostName 127.0.0.1 -Port $server.Port -KeyFilePath "$place/ssh/user" -Options $server.Options -ConnectingTimeout 60000
    }
}

AfterAll {
    if ($session) { Remove-PSSession $session }
    if ($server.Process) {
        $server.Process.Kill($true)
        $server.Process.WaitForExit()
    }
    Remove-Place $place
}

Describe 'Over remoting by ssh' {
    BeforeEach { if ($missing) { Set-ItResult -Skipped -Because $missing } }

    It 'the commands are there' {
        Invoke-Command $session { (Get-Command Backup-VMDomain).Source } | Should -Be MomentTools
    }

    It 'objects come as copies that can be piped on, here and there' {
        $domain = Invoke-Command $session { Get-VMDomain far1 }
        $domain.PSObject.TypeNames[0] | Should -Be Deserialized.MomentTools.VMDomain
        $domain.Disks, $domain.State | Should -Be vda, Stopped
        ($domain | Get-VMDomain).Uuid | Should -Be $domain.Uuid
        (Invoke-Command $session { $input | New-VMCheckpoint -Name from-afar } -InputObject $domain).Name | Should -Be from-afar
        (Get-VMCheckpoint far1).Name | Should -Be from-afar
    }

    It 'a backup is made, and restores' {
        $backup = Invoke-Command $session { Backup-VMDomain far1 "$using:place/repo" -Full }
        $backup.Kind | Should -Be Full
        $disk = Restore-VMBackup far1 "$place/repo" -Destination "$place/back" -Format raw
        qemu-io -r -f raw -c 'read -P 1 0 8M' $disk.Path | Out-String | Should -Not -Match 'fail'
    }

    It 'errors come with their id' {
        Invoke-Command $session { Backup-VMDomain nosuch "$using:place/repo" } -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'VMNotFound,MomentTools.Cmdlets.BackupVMDomainCommand'
        $failed.CategoryInfo.Category | Should -Be ObjectNotFound
    }

    It 'a job there is stopped from here, and nothing is left' {
        $state = Invoke-Command $session {
            $job = Backup-VMDomain far1 "$using:place/repo" -Full -SpeedLimit 256KB -AsJob
            while ($job.State -eq 'Running' -and -not (Get-ChildItem "$using:place/repo/far1" -Force -Directory | Where-Object Name -Like '*.partial')) { Start-Sleep -Milliseconds 20 }
            $job | Stop-Job
            $job.State
            $job | Remove-Job
        }
        "$state" | Should -Be Stopped
        Get-ChildItem "$place/repo/far1" -Force -Directory | Where-Object Name -Like '*.partial' | Should -BeNullOrEmpty
    }

    It 'a command whose session is stopped is unwound' {
        $job = Invoke-Command $session { Backup-VMDomain far1 "$using:place/repo" -Full -SpeedLimit 256KB } -AsJob
        while ($job.State -eq 'Running' -and -not (Get-ChildItem "$place/repo/far1" -Force -Directory | Where-Object Name -Like '*.partial')) { Start-Sleep -Milliseconds 20 }
        $job | Stop-Job
        $job | Remove-Job
        # The session takes its next command when the one before has ended.
        Invoke-Command $session { Get-ChildItem "$using:place/repo/far1" -Force -Directory | Where-Object Name -Like '*.partial' } | Should -BeNullOrEmpty
        Get-ChildItem "$place/home/domains/far1/journal" -File | Should -BeNullOrEmpty
    }
}

Describe 'samples/Invoke-FleetBackup.ps1' {
    BeforeEach { if ($missing) { Set-ItResult -Skipped -Because $missing } }

    It 'has every host back up its machines, and says which host could not be reached' {
        $script = Join-Path (Get-RepositoryRoot) samples/Invoke-FleetBackup.ps1
        $rows = & $script "127.0.0.1:$($server.Port)", "$([Environment]::UserName)@localhost:$($server.Port)", '127.0.0.1:1' "$place/fleet" -KeyFilePath "$place/ssh/user" -SshOption $server.Options
        $unreached = $rows | Where-Object Host -EQ '127.0.0.1:1'
        $unreached | Should -HaveCount 1
        $unreached.Error | Should -Not -BeNullOrEmpty
        $rest = $rows | Where-Object Host -NE '127.0.0.1:1'
        $rest | Should -HaveCount 4
        $rest.Error | Where-Object { $_ } | Should -BeNullOrEmpty
        ($rest | Where-Object Host -EQ "127.0.0.1:$($server.Port)").VM | Sort-Object | Should -Be far1, far2
        (Get-VMBackup far1 "$place/fleet").Count | Should -Be 2
        Test-VMBackup * "$place/fleet" | Should -BeTrue
        Get-PSSession | Where-Object Id -NE $session.Id | Should -BeNullOrEmpty
    }
}
