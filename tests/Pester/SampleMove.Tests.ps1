BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $script = Join-Path (Get-RepositoryRoot) samples/Move-VMDomain.ps1

    # The other host: another state root, where the images of this one are not.
    function Enter-OtherHost([string] $Name) {
        Rename-Item "$place/images" "images-before-$Name"
        $env:MOMENTTOOLS_HOME = "$place/home-$Name"
    }
}

AfterAll { Remove-Place $place }

Describe 'samples/Move-VMDomain.ps1' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-img, qemu-io, sha256sum -ErrorAction Ignore)) {
    BeforeAll {
        New-Item -ItemType Directory "$place/images" | Out-Null
        New-Disk "$place/images/a.qcow2"
        New-Disk "$place/images/b.raw" -Format raw
        Register-VMDomain -Xml (Get-DomainXml web1 "$place/images/a.qcow2", "$place/images/b.raw") | Out-Null
        New-VMCheckpoint web1 monday -TrackableOnly | Out-Null
        Write-Disk "$place/images/a.qcow2" 'write -P 17 1M 1M'
        New-VMSnapshot web1 clean -DiskOnly -Disk vda | Out-Null
        Write-Disk (Get-VMDomain web1).Disks[0].Path 'write -P 18 2M 1M'
        Restore-VMSnapshot web1 clean -Branch try | Out-Null
        Write-Disk (Get-VMDomain web1).Disks[0].Path 'write -P 19 3M 1M'
        Backup-VMDomain web1 "$place/backup" | Out-Null
        Write-Disk (Get-VMDomain web1).Disks[0].Path 'write -P 20 4M 1M'
        $tree = Get-VMMoment web1 -Tree | ForEach-Object { "$($_.Kind) $($_.Name) $($_.Parent)" }
        $changed = Get-VMChangedBlock web1 -Since monday -Disk vda
    }

    It 'refuses a machine that is running' {
        Start-VMDomain web1 -Paused | Out-Null
        try { { & $script web1 -To "$place/running" } | Should -Throw '*stop it first*' }
        finally { Stop-VMDomain web1 -Force -Confirm:$false | Out-Null }
        "$place/running" | Should -Not -Exist
    }

    It 'refuses what would not come along' {
        New-Disk "$place/images/real.qcow2"
        New-Item -ItemType SymbolicLink "$place/images/link.qcow2" -Target "$place/images/real.qcow2" | Out-Null
        Register-VMDomain -Xml (Get-DomainXml linked "$place/images/link.qcow2") | Out-Null
        New-VMCheckpoint linked one | Out-Null
        try { { & $script linked -To "$place/linked" } | Should -Throw '*is a link*' }
        finally { Unregister-VMDomain linked -RemoveMetadata -Confirm:$false; Remove-Item "$place/images/link.qcow2", "$place/images/real.qcow2" }
        "$place/linked" | Should -Not -Exist
    }

    It 'takes moments, branches and images to another host, and the next backup is an increment' {
        $sent = & $script web1 -To "$place/transfer"
        Get-VMMoment web1 | Should -Not -BeNullOrEmpty -Because 'the old host keeps everything'
        Enter-OtherHost good
        $machine = & $script -From $sent.FullName
        $machine.Name | Should -Be web1
        Get-VMMoment web1 -Tree | ForEach-Object { "$($_.Kind) $($_.Name) $($_.Parent)" } | Should -Be $tree
        Test-VMMoment web1 | Should -BeTrue
        Get-VMChangedBlock web1 -Since monday -Disk vda | Should -Be $changed
        $backup = Backup-VMDomain web1 "$place/backup"
        $disk = $backup.Disks | Where-Object Name -EQ vda
        $disk.Kind | Should -Be Incremental
        $disk.Compared | Should -BeFalse
        $disk.CopiedBytes | Should -Be 1MB
        # The branch that was left comes back with its own content.
        Switch-VMBranch web1 main | Out-Null
        qemu-io -r -f qcow2 -c 'read -P 18 2M 1M' -c 'read -P 17 1M 1M' -c 'read -P 0 3M 2M' (Get-VMDomain web1).Disks[0].Path | Out-String | Should -Not -Match 'fail'
        Undo-VMSnapshot web1 -ErrorAction Ignore | Out-Null
        Remove-VMBranch web1 try -Discard -Confirm:$false
    }

    It 'leaves nothing where a byte was changed on the way, or a file is there already' {
        { & $script -From "$place/transfer" } | Should -Throw '*is there already*'
        Enter-OtherHost bad
        $image = Get-ChildItem "$place/transfer/files" -Recurse -Filter a.qcow2
        Set-Content "$place/transfer/files/more" x
        try { { & $script -From "$place/transfer" } | Should -Throw '*and the sums of*' }
        finally { Remove-Item "$place/transfer/files/more" }
        $bytes = [IO.File]::ReadAllBytes($image.FullName)
        $bytes[-1] = $bytes[-1] -bxor 1
        [IO.File]::WriteAllBytes($image.FullName, $bytes)
        { & $script -From "$place/transfer" 2>$null } | Should -Throw
        Get-VMDomain | Should -BeNullOrEmpty
        Get-ChildItem "$place/images" -File -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'leaves nothing of what arrives and is not sound' {
        # Right sums, but times that are not what they were: the layers cannot be told from others.
        $image = Get-ChildItem "$place/transfer/files" -Recurse -Filter a.qcow2
        Push-Location "$place/transfer/files"
        try { sha256sum (Get-ChildItem -File -Recurse | ForEach-Object { $_.FullName.Substring("$place/transfer/files/".Length) }) | Set-Content ../SHA256SUMS }
        finally { Pop-Location }
        $image.LastWriteTime = Get-Date
        { & $script -From "$place/transfer" } | Should -Throw '*not sound*'
        Get-VMDomain | Should -BeNullOrEmpty
        Get-ChildItem "$place/images" -File -ErrorAction Ignore | Should -BeNullOrEmpty
    }
}
