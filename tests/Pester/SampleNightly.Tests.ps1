BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $samples = Join-Path (Get-RepositoryRoot) samples
    $script = "$samples/Backup-Nightly.ps1"

    # As a timer or cron runs it: a process of its own, whose words and exit code are all that is seen.
    function Invoke-Night([string[]] $Argument) {
        $path = $env:PSModulePath
        $env:PSModulePath = (Split-Path (Split-Path (Split-Path (Get-ManifestPath)))) + [IO.Path]::PathSeparator + $path
        try { $said = & ([Environment]::ProcessPath) -NoProfile -NonInteractive -File $script @Argument 2>&1 | ForEach-Object { "$_" } }
        finally { $env:PSModulePath = $path }
        [pscustomobject]@{ Said = @($said); Exit = $LASTEXITCODE }
    }
}

AfterAll { Remove-Place $place }

Describe 'samples/Backup-Nightly.ps1' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-img, qemu-io -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place web1 | Out-Null
        New-Machine $place web2 | Out-Null
        $repository = (New-Item -ItemType Directory "$place/backup").FullName
    }

    It 'backs up all machines, tests them, and says so in a line each' {
        $night = Invoke-Night '-Repository', $repository
        $night.Exit | Should -Be 0 -Because ($night.Said -join "`n")
        $night.Said | Should -HaveCount 3
        $night.Said[0] | Should -BeLike "Backup to $repository on *: 0 of 2 failed"
        $night.Said[1] | Should -Match '^ok      web1  full, \d+ KiB, 0 removed, \d+ s$'
        $night.Said[2] | Should -BeLike 'ok      web2  full, *'
        @(Get-VMBackup -Repository $repository) | Should -HaveCount 2
        "$repository/web1-moments.xml" | Should -Exist
    }

    It 'keeps what the rules keep, and says nothing with -Quiet' {
        Write-Disk "$place/web1.qcow2" 'write -P 17 1M 1M'
        $night = Invoke-Night '-Repository', $repository, '-KeepDaily', '1', '-KeepWeekly', '1', '-KeepMonthly', '1', '-Quiet'
        $night.Exit | Should -Be 0 -Because ($night.Said -join "`n")
        $night.Said | Should -BeNullOrEmpty
        $kept = @(Get-VMBackup web1 $repository)
        $kept | Should -HaveCount 1
        Test-VMBackup web1 $repository -Source | Should -BeTrue
        $restored = Restore-VMBackup web1 $repository -Destination "$place/restored"
        qemu-img compare -q "$place/web1.qcow2" $restored.Path
        $LASTEXITCODE | Should -Be 0
    }

    It 'goes on after a machine that fails, removes nothing of it, and exits with 1' {
        Write-Disk "$place/web2.qcow2" 'write -P 18 1M 1M'
        Backup-VMDomain web1 $repository | Out-Null
        $before = (Get-VMBackup web1 $repository).Id
        Rename-Item "$place/web1.qcow2" away.qcow2
        try { $night = Invoke-Night '-Repository', $repository, '-KeepDaily', '1', '-KeepWeekly', '1', '-KeepMonthly', '1', '-Quiet' }
        finally { Rename-Item "$place/away.qcow2" web1.qcow2 }
        $night.Exit | Should -Be 1
        $night.Said[0] | Should -BeLike '*: 1 of 2 failed'
        $night.Said[1] | Should -Match '^FAILED  web1  [A-Z][A-Za-z]+: .*web1'
        $night.Said -match '^ok      web2' | Should -HaveCount 1
        (Get-VMBackup web1 $repository).Id | Should -Be $before
    }

    It 'fails where what the backup stands on is not sound' {
        $stray = "$repository/web2/$((Get-VMBackup web2 $repository)[0].Id)/stray"
        Write-Disk "$place/web2.qcow2" 'write -P 19 2M 1M'
        Set-Content $stray x
        try { $night = Invoke-Night '-Repository', $repository, '-VM', 'web2,nosuch*' }
        finally { Remove-Item $stray }
        $night.Exit | Should -Be 1
        $night.Said[1] | Should -BeLike 'FAILED  web2  The backup * was stored, and *stray*'
    }

    It 'backs up the others where one cannot even be looked at' {
        $night = Invoke-Night '-Repository', $repository, '-VM', 'web2,nosuch'
        $night.Exit | Should -Be 1
        $night.Said[0] | Should -BeLike '*: 1 of 2 failed'
        $night.Said[1] | Should -BeLike 'FAILED  nosuch  VMNotFound: *'
        $night.Said -match '^ok      web2' | Should -HaveCount 1
    }

    It 'exits with 2 where nothing can be begun' {
        $night = Invoke-Night '-Repository', "$place/not-mounted"
        $night.Exit | Should -Be 2
        $night.Said | Should -BeLike 'FAILED  nothing was begun: there is no directory*'
        "$place/not-mounted" | Should -Not -Exist
        (Invoke-Night '-Repository', $repository, '-VM', 'nosuch').Exit | Should -Be 2
    }
}

Describe 'samples/nightly' {
    It 'calls the script with parameters that it has' {
        $parameters = (Get-Command $script).Parameters.Keys
        foreach ($file in 'momenttools-backup.service', 'momenttools-backup.cron') {
            $line = Get-Content "$samples/nightly/$file" | Select-String 'pwsh -NoProfile'
            $line | Should -HaveCount 1
            $given = [regex]::Matches(($line -split 'Backup-Nightly.ps1')[1], '(?<= )-(\w+)').ForEach{ $_.Groups[1].Value }
            $given | Should -Contain Repository
            $given | Where-Object { $_ -notin $parameters } | Should -BeNullOrEmpty
        }
    }

    It 'has units that systemd accepts' -Skip:(-not (Get-Command systemd-analyze -ErrorAction Ignore)) {
        # The programs that the unit names are elsewhere on this host.
        foreach ($unit in 'momenttools-backup.service', 'momenttools-backup.timer') {
            (Get-Content "$samples/nightly/$unit") -replace '^ExecStart=\S+', "ExecStart=$([Environment]::ProcessPath)" | Set-Content "$place/$unit"
        }
        $said = systemd-analyze verify "$place/momenttools-backup.service" "$place/momenttools-backup.timer" 2>&1 | Where-Object { "$_" -match 'momenttools-backup' }
        $said | Should -BeNullOrEmpty
        systemd-analyze calendar '*-*-* 02:30' | Out-Null
        $LASTEXITCODE | Should -Be 0
    }
}
