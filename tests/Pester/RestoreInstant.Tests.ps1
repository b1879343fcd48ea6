BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Restore-VMBackup -Instant' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        New-Machine $place | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 0 1M'
        $first = Backup-VMDomain web1 ./repo
        Write-Disk "$place/web1.qcow2" 'write -P 2 512k 1M'
        $second = Backup-VMDomain web1 ./repo
        $hashes = Get-ChildItem ./repo -Recurse -Filter *.qcow2 | Get-FileHash

        function Get-Backing([string] $Path) { (qemu-img info -U --output=json $Path | ConvertFrom-Json).'backing-filename' }
    }

    It 'does nothing with -WhatIf' {
        Restore-VMBackup web1 ./repo -AsDomain now -Instant -Destination ./now -WhatIf | Should -BeNullOrEmpty
        './now' | Should -Not -Exist
        Get-VMDomain now -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'runs the newest backup as a new domain' {
        $disk = Restore-VMBackup web1 ./repo -AsDomain now -Instant -Destination ./now
        $disk | Should -BeOfType ([MomentTools.VMRestoredDisk])
        $disk.Domain | Should -Be now
        $disk.BackupId | Should -Be $second.Id
        (Get-VMDomain now).State | Should -Be Running
        Get-Backing $disk.Path | Should -Be $second.Disks[0].Path
    }

    It 'moves it off the backup while it runs' {
        $disk = Restore-VMBackup -Repository ./repo -AsDomain now -Move
        $disk.Domain | Should -Be now
        Get-Backing $disk.Path | Should -BeNullOrEmpty
        (Get-VMDomain now).State | Should -Be Running
        Restore-VMBackup -Repository ./repo -AsDomain now -Move | Should -BeNullOrEmpty
        { Get-VMDomain web1 | Restore-VMBackup -Repository ./repo -AsDomain now -Move -ErrorAction Stop } | Should -Throw -ErrorId 'ParametersExclude,*'
    }

    It 'runs an older one from the pipeline, and moves it at once' {
        $disk = $first | Restore-VMBackup -AsDomain later -Instant -Move -Destination ./later
        $disk.BackupId | Should -Be $first.Id
        Get-Backing $disk.Path | Should -BeNullOrEmpty
        (Get-VMDomain later).State | Should -Be Running
    }

    It 'says what is in the way, and leaves nothing' {
        { Restore-VMBackup web1 ./repo -AsDomain now -Instant -Destination ./other -ErrorAction Stop } | Should -Throw -ErrorId 'VMExists,*'
        { Restore-VMBackup web1 ./repo -AsDomain third -Instant -Destination ./now -ErrorAction Stop } | Should -Not -Throw
        Stop-VMDomain third -Force
        { Restore-VMBackup web1 ./repo -AsDomain third -Instant -Destination ./now -ErrorAction Stop } | Should -Throw -ErrorId '*Exists,*'
        './other' | Should -Not -Exist
    }

    It 'leaves the repository as it was' {
        $now = Get-ChildItem ./repo -Recurse -Filter *.qcow2 | Get-FileHash
        $now.Hash | Should -Be $hashes.Hash
    }
}
