BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Merge-VMBackup' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        New-Machine $place | Out-Null
    }

    It 'makes a backup full and ends all that it stood on' {
        $chain = New-BackupChain
        $merged = Merge-VMBackup web1 ./repo -Id $chain[3].Id -Confirm:$false
        $merged | Should -BeOfType ([MomentTools.VMBackup])
        $merged.Id | Should -Be $chain[3].Id
        $merged.Kind | Should -Be Full
        $merged.Created | Should -Be $chain[3].Created
        (Get-VMBackup web1 ./repo).Id | Should -Be $chain[3].Id
        Test-BackupChain | Should -BeTrue
        (Get-VMCheckpoint web1).Name | Should -Contain $chain[3].Checkpoint
        (Get-VMCheckpoint web1).Name | Should -Not -Contain $chain[1].Checkpoint
        (Backup-VMDomain web1 ./repo).Kind | Should -Be Incremental
    }

    It 'folds what lies between it and the one that stays beneath' {
        $chain = New-BackupChain
        $merged = Merge-VMBackup web1 ./repo -Id $chain[3].Id -Since $chain[0].Id -Confirm:$false
        $merged.Kind | Should -Be Incremental
        $merged.DependsOn | Should -Be $chain[0].Id
        (Get-VMBackup web1 ./repo).Id | Should -Be $chain[0].Id, $chain[3].Id
        Test-BackupChain | Should -BeTrue
    }

    It 'leaves what stands on it as it is' {
        $chain = New-BackupChain
        $above = Get-FileHash (Get-VMBackup web1 ./repo -Id $chain[3].Id).Disks[0].Path
        $chain[2] | Merge-VMBackup -Confirm:$false | Out-Null
        (Get-VMBackup web1 ./repo).Id | Should -Be $chain[2].Id, $chain[3].Id
        (Get-FileHash (Get-VMBackup web1 ./repo -Id $chain[3].Id).Disks[0].Path).Hash | Should -Be $above.Hash
        Test-BackupChain | Should -BeTrue
    }

    It 'changes nothing with -WhatIf' {
        $chain = New-BackupChain 2
        Merge-VMBackup web1 ./repo -Id $chain[1].Id -WhatIf | Should -BeNullOrEmpty
        Get-VMBackup web1 ./repo | Should -HaveCount 2
    }

    It 'gives a backup that stands on nothing, or on that one already, as it is' {
        $chain = New-BackupChain 2
        (Merge-VMBackup web1 ./repo -Id $chain[0].Id).Id | Should -Be $chain[0].Id
        (Merge-VMBackup web1 ./repo -Id $chain[1].Id -Since $chain[0].Id).DependsOn | Should -Be $chain[0].Id
        Get-VMBackup web1 ./repo | Should -HaveCount 2
    }

    It 'says what is not there, and what it does not stand on' {
        $chain = New-BackupChain 2
        { Merge-VMBackup web1 ./repo -Id 20200101T000000Z-0000 -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound,*'
        { Merge-VMBackup web1 ./repo -Id $chain[0].Id -Since $chain[1].Id -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotBeneath,*'
        { Merge-VMBackup web1 ./nosuch -Id $chain[0].Id -ErrorAction Stop } | Should -Throw -ErrorId 'BackupRepositoryMissing,*'
        { Merge-VMBackup web9 ./repo -Id $chain[0].Id -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDomainNotFound,*'
    }
}
