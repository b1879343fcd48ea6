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
