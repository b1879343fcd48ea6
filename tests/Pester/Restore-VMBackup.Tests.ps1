BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Restore-VMBackup' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        New-Machine $place | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 0 1M'
        $first = Backup-VMDomain web1 ./repo
        Copy-Item ./web1.qcow2 ./first.qcow2
        Write-Disk "$place/web1.qcow2" 'write -P 2 512k 1M'
        $second = Backup-VMDomain web1 ./repo
        Copy-Item ./web1.qcow2 ./second.qcow2
        Write-Disk "$place/web1.qcow2" 'write -P 9 0 2M'

        function Test-SameContent([string] $Left, [string] $Right, [string] $Format = 'qcow2') {
            qemu-img compare -q -f $Format -F qcow2 $Left $Right
            $LASTEXITCODE -eq 0
        }
    }

    It 'restores the newest, byte for byte' {
        $disk = Restore-VMBackup web1 -Repository ./repo -Destination ./newest
        $disk | Should -BeOfType ([MomentTools.VMRestoredDisk])
        $disk.BackupId | Should -Be $second.Id
        $disk.Disk | Should -Be vda
        Test-SameContent $disk.Path ./second.qcow2 | Should -BeTrue
    }

    It 'restores an older one from the pipeline, as a raw image' {
        $disk = Get-VMBackup web1 ./repo | Select-Object -First 1 | Restore-VMBackup -Destination ./older -Format raw
        $disk.Format | Should -Be raw
        Test-SameContent $disk.Path ./first.qcow2 raw | Should -BeTrue
    }

    It 'restores by id' {
        $disk = Restore-VMBackup web1 ./repo -Id $first.Id -Disk vda -Destination ./byid
        Test-SameContent $disk.Path ./first.qcow2 | Should -BeTrue
    }

    It 'touches nothing with -WhatIf' {
        Restore-VMBackup web1 ./repo -Destination ./whatif -WhatIf | Should -BeNullOrEmpty
        './whatif' | Should -Not -Exist
    }

    It 'never overwrites a file' {
        $file = (Restore-VMBackup web1 ./repo -Destination ./twice).Path
        $before = Get-FileHash $file
        { Restore-VMBackup web1 ./repo -Destination ./twice -ErrorAction Stop } | Should -Throw -ErrorId 'FileExists,*'
        (Get-FileHash $file).Hash | Should -Be $before.Hash
    }

    It 'says that a backup or a disk means nothing' {
        { Restore-VMBackup web1 ./repo -Id nosuch -Destination ./none -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound,*'
        { Restore-VMBackup web1 ./repo -Disk vdz -Destination ./none -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDiskNotFound,*'
        './none' | Should -Not -Exist
    }

    It 'takes the newest at or before a time, and names the first where there is none' {
        (Restore-VMBackup web1 ./repo -Until $second.Created -Destination ./until2).BackupId | Should -Be $second.Id
        (Restore-VMBackup web1 ./repo -Until $second.Created.AddTicks(-1) -Destination ./until1).BackupId | Should -Be $first.Id
        $failure = { Restore-VMBackup web1 ./repo -Until '2001-01-01' -Destination ./none -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNoneBefore,*' -PassThru
        $failure.Exception.Message | Should -Match ([regex]::Escape($first.Id))
        { Restore-VMBackup web1 ./repo -Id $first.Id -Until $second.Created -Destination ./none -ErrorAction Stop } | Should -Throw -ErrorId 'RestoreBackupOptions,*'
        './none' | Should -Not -Exist
    }

    It 'does not take the newest for a backup that is piped in beside -Repository' {
        { $first | Restore-VMBackup -Repository ./repo -Destination ./none -ErrorAction Stop } | Should -Throw -ErrorId 'ParameterMissing,*'
        { Restore-VMBackup $first ./repo -Destination ./none -ErrorAction Stop } | Should -Throw -ErrorId 'ParameterMissing,*'
        './none' | Should -Not -Exist
        ($first | Restore-VMBackup -Repository ./repo -Id $first.Id -Destination ./named).BackupId | Should -Be $first.Id
    }

    It 'makes a machine of its own of a backup' {
        $disk = Get-VMBackup web1 ./repo | Select-Object -First 1 | Restore-VMBackup -AsDomain look -Destination ./look
        $disk.Domain | Should -Be look
        Test-SameContent $disk.Path ./first.qcow2 | Should -BeTrue
        (Get-VMDomain look).Uuid | Should -Not -Be (Get-VMDomain web1).Uuid
        (Backup-VMDomain look ./repo).Kind | Should -Be Full
        { Restore-VMBackup web1 ./repo -AsDomain look -Destination ./look2 -ErrorAction Stop } | Should -Throw -ErrorId 'VMExists,*'
        './look2' | Should -Not -Exist
    }

    It 'says with -WhatIf how many bytes it would write in place, and writes none' {
        $before = Get-FileHash ./web1.qcow2
        $log = "$place/whatif.log"
        Start-Transcript $log | Out-Null
        try { Restore-VMBackup web1 ./repo -InPlace -WhatIf | Should -BeNullOrEmpty } finally { Stop-Transcript | Out-Null }
        Get-Content $log -Raw | Should -Match '2 MiB'
        (Get-FileHash ./web1.qcow2).Hash | Should -Be $before.Hash
    }

    It 'writes only what differs onto the own disks, by name or from the pipeline' {
        $disk = Restore-VMBackup web1 ./repo -InPlace
        $disk.WrittenBytes | Should -Be 2MB
        $disk.Path | Should -Be "$place/web1.qcow2"
        Test-SameContent ./web1.qcow2 ./second.qcow2 | Should -BeTrue
        $disk = $first | Restore-VMBackup -InPlace
        $disk.WrittenBytes | Should -Be 1MB
        Test-SameContent ./web1.qcow2 ./first.qcow2 | Should -BeTrue
        (Restore-VMBackup web1 ./repo -Id $first.Id -InPlace).WrittenBytes | Should -Be 0
        $next = Backup-VMDomain web1 ./repo
        $next.Kind | Should -Be Incremental
        Test-SameContent (Restore-VMBackup web1 ./repo -Id $next.Id -Destination ./next).Path ./first.qcow2 | Should -BeTrue
        $disk | Format-Table | Out-String | Should -Match 'Written'
    }

    It 'refuses -InPlace together with a place for new files' {
        { Restore-VMBackup web1 ./repo -InPlace -Destination ./none } | Should -Throw -ErrorId 'ParametersExclude,*'
    }

    It 'refuses a damaged backup, and names the file' {
        $image = (Get-VMBackup web1 ./repo | Select-Object -First 1).Disks.Path
        $stream = [IO.File]::Open($image, 'Open', 'ReadWrite')
        try { $stream.Position = $stream.Length - 1; $byte = $stream.ReadByte(); $stream.Position--; $stream.WriteByte($byte -bxor 1) }
        finally { $stream.Dispose() }
        $failure = { Restore-VMBackup web1 ./repo -Destination ./damaged -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'BackupCorrupt,*'
        $failure.Exception.Message | Should -Match ([regex]::Escape($image))
        './damaged' | Should -Not -Exist
    }
}
