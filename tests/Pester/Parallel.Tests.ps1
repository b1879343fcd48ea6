BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $manifest = Get-ManifestPath

    # Machines with a disk of 8 MiB whose content nobody else's has.
    function New-Fleet([string] $Prefix, [int] $Count) {
        foreach ($number in 1..$Count) {
            New-Disk "$place/$Prefix$number.qcow2" 8M
            Write-Disk "$place/$Prefix$number.qcow2" "write -P $number 0 1M"
            Register-VMDomain -Xml (Get-DomainXml "$Prefix$number" "$place/$Prefix$number.qcow2")
        }
    }

    function Assert-Restorable([string] $Repository, [string[]] $VM) {
        foreach ($name in $VM) {
            $disk = Restore-VMBackup $name $Repository -Destination "$place/back-$name-$(Get-Random)" -Format raw
            $number = $name -replace '\D'
            qemu-io -r -f raw -c "read -P $number 0 1M" -c 'read -P 0 1M 7M' $disk.Path | Out-String | Should -Not -Match 'fail' -Because $name
        }
    }

    # Scripts in sessions of their own, all at once: what each said, as objects from JSON.
    function Invoke-Session([string[]] $Script) {
        $running = foreach ($text in $Script) {
            $start = [Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
            '-NoProfile', '-NonInteractive', '-Command', "`$ProgressPreference = 'SilentlyContinue'; Import-Module '$manifest'; Set-Location '$place'; ConvertTo-Json -Depth 2 -InputObject @($text)" | ForEach-Object { $start.ArgumentList.Add($_) }
            $start.RedirectStandardOutput = $true
            $process = [Diagnostics.Process]::Start($start)
            @{ Process = $process; Output = $process.StandardOutput.ReadToEndAsync() }
        }
        foreach ($one in $running) {
            $said = $one.Output.GetAwaiter().GetResult()
            $one.Process.WaitForExit()
            $one.Process.ExitCode | Should -Be 0 -Because $said
            , @($said | ConvertFrom-Json)
        }
    }
}

AfterAll { Remove-Place $place }

Describe 'Many machines at once' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-io -ErrorAction Ignore)) {
    BeforeAll {
        New-Fleet vm 8 | Out-Null
        Set-Location $place
        $all = 1..8 | ForEach-Object { "vm$_" }
    }

    It 'are backed up by ForEach-Object -Parallel, into one repository' {
        $backups = Get-VMDomain vm* | ForEach-Object -ThrottleLimit 8 -Parallel {
            Import-Module $using:manifest
            Backup-VMDomain $_ -Repository $using:place/repo
        }
        $backups | Should -HaveCount 8
        $backups | Should -BeOfType ([MomentTools.VMBackup])
        $backups.VM | Sort-Object | Should -Be $all
        Get-VMDomain vm* | Test-VMBackup -Repository ./repo | Select-Object -Unique | Should -BeTrue
        Assert-Restorable ./repo $all
    }

    It 'are backed up by jobs of their own' {
        $jobs = $all | ForEach-Object { Backup-VMDomain $_ ./repo -Incremental -AsJob }
        $jobs | Wait-Job | Out-Null
        $jobs.State | Select-Object -Unique | Should -Be Completed
        ($jobs | Receive-Job).VM | Sort-Object | Should -Be $all
        $jobs | Remove-Job
        (Get-VMBackup * ./repo).Count | Should -Be 16
        Assert-Restorable ./repo $all
    }

    It 'are backed up by Start-ThreadJob, which gives the objects themselves' {
        $jobs = 'vm1', 'vm2' | ForEach-Object {
            $name = $_
            Start-ThreadJob { Import-Module $using:manifest; Backup-VMDomain $using:name $using:place/repo }
        }
        $backups = $jobs | Receive-Job -Wait -AutoRemoveJob
        $backups | Should -BeOfType ([MomentTools.VMBackup])
        $backups | Test-VMBackup | Should -BeTrue
    }

    It 'are backed up by Start-Job, which gives copies that can be piped on' {
        $job = Start-Job { Import-Module $using:manifest; Get-VMDomain vm1; Backup-VMDomain vm1 $using:place/repo }
        $domain, $backup = $job | Receive-Job -Wait -AutoRemoveJob
        $domain.PSObject.TypeNames[0] | Should -Be Deserialized.MomentTools.VMDomain
        ($domain | Get-VMDomain).Name | Should -Be vm1
        $domain.Disks, $domain.State | Should -Be vda, Stopped
        $backup.PSObject.TypeNames[0] | Should -Be Deserialized.MomentTools.VMBackup
        ($backup | Get-VMBackup -Repository ./repo -Id $backup.Id).Id | Should -Be $backup.Id
        "$($backup.Disks)", $backup.Kind | Should -Be "vda ($($backup.Kind))", (Get-VMBackup vm1 ./repo -Id $backup.Id).Kind.ToString()
    }
}

Describe 'One machine, worked on from several sides at once' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-io -ErrorAction Ignore)) {
    BeforeAll {
        New-Fleet one 1 | Out-Null
        New-Fleet two 1 | Out-Null
        Set-Location $place
    }

    It 'gets every checkpoint that was taken, or an error that says who holds it' {
        $taken = 1..6 | ForEach-Object -ThrottleLimit 6 -Parallel {
            Import-Module $using:manifest
            $checkpoint = New-VMCheckpoint one1 "c$_" -ErrorAction SilentlyContinue -ErrorVariable refused
            $checkpoint.Name
            $refused | Where-Object FullyQualifiedErrorId -NotLike 'LockBusy,*' | ForEach-Object { "unexpected: $_" }
        }
        $taken | Where-Object { $_ -like 'unexpected*' } | Should -BeNullOrEmpty
        @($taken).Count | Should -BeGreaterThan 0
        (Get-VMCheckpoint one1).Name | Sort-Object | Should -Be ($taken | Sort-Object)
        # Each stands on the one before: no two were taken at the same time.
        Get-VMCheckpoint one1 -Leaves | Should -HaveCount 1
        Test-VMMoment one1 | Should -BeTrue
    }

    It 'is whole after two sessions have worked on it and a third has looked on' {
        $change = '1..3 | ForEach-Object {{ New-VMCheckpoint two1 "{0}$_" -ErrorVariable +bad -ErrorAction SilentlyContinue | Select-Object -ExpandProperty Name; ' +
            'Backup-VMDomain two1 ./both -ErrorVariable +bad -ErrorAction SilentlyContinue | Select-Object -ExpandProperty Id }}; $bad | ForEach-Object FullyQualifiedErrorId'
        $look = '1..10 | ForEach-Object { @(Get-VMMoment two1 -ErrorVariable +bad -ErrorAction SilentlyContinue).Count; Get-VMBackup two1 ./both -ErrorVariable +worse -ErrorAction SilentlyContinue | Out-Null }; $bad | ForEach-Object FullyQualifiedErrorId'
        New-Item -ItemType Directory ./both | Out-Null
        $first, $second, $seen = Invoke-Session ($change -f 'a'), ($change -f 'b'), $look
        $first + $second | Where-Object { $_ -match ',' } | Should -BeNullOrEmpty -Because 'each waits for the other'
        $seen | Where-Object { $_ -isnot [long] } | Should -BeNullOrEmpty -Because 'who only reads waits for nobody, and sees it whole'
        (Get-VMCheckpoint two1 -Name a?, b?).Name | Sort-Object | Should -Be (1..3 | ForEach-Object { "a$_"; "b$_" } | Sort-Object)
        Get-VMBackup two1 ./both | Should -HaveCount 6
        Test-VMMoment two1 | Should -BeTrue
        Test-VMBackup two1 ./both -Source | Should -BeTrue
        Assert-Restorable ./both two1
    }
}

Describe 'samples/Backup-Fleet.ps1' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-io -ErrorAction Ignore)) {
    BeforeAll {
        New-Fleet fleet 4 | Out-Null
        Set-Location $place
        $script = Join-Path (Get-RepositoryRoot) samples/Backup-Fleet.ps1
    }

    It 'backs them all up, and says of each how it went' {
        $rows = & $script ./fleet fleet* -Verify
        $rows.VM | Sort-Object | Should -Be (1..4 | ForEach-Object { "fleet$_" })
        $rows.Error | Where-Object { $_ } | Should -BeNullOrEmpty
        $rows.Kind | Select-Object -Unique | Should -Be Full
        (& $script ./fleet fleet* -ThrottleLimit 2).Kind | Select-Object -Unique | Should -Be Incremental
        Assert-Restorable ./fleet $rows.VM
    }

    It 'goes on where one fails, and keeps its older backups' {
        Move-Item ./fleet3.qcow2 ./gone.qcow2
        $rows = & $script ./fleet fleet* -KeepDaily 1 3>$null
        ($rows | Where-Object Error).VM | Should -Be fleet3
        ($rows | Where-Object Error).ErrorId | Should -Not -BeNullOrEmpty
        Get-VMBackup fleet3 ./fleet | Should -HaveCount 2
        $rows | Should -HaveCount 4
        ($rows | Where-Object Backup).Count | Should -Be 3
        Test-VMBackup fleet1 ./fleet | Should -BeTrue
    }

    It 'has a row for what is not there, and an error where there is nothing at all' {
        $rows = & $script ./fleet fleet1, nosuch
        ($rows | Where-Object VM -EQ fleet1).Error | Should -BeNullOrEmpty
        ($rows | Where-Object VM -EQ nosuch).ErrorId | Should -Be VMNotFound
        { & $script ./fleet none* } | Should -Throw '*nothing was backed up*'
    }
}
