BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMBackup' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        New-Machine $place | Out-Null
    }

    It 'removes what no rule keeps, folds it into what stays, and gives the plan' {
        $chain = New-BackupChain
        $plan = Remove-VMBackup web1 ./repo -KeepLast 2 -Confirm:$false
        $plan | Should -HaveCount 4
        $plan[0] | Should -BeOfType ([MomentTools.VMBackupPlan])
        $plan.Keep | Should -Be $false, $false, $true, $true
        $plan[3].Rules | Should -Be 'last 1'
        $plan[0].MergedInto | Should -Be $chain[2].Id
        $plan[0].FreedBytes | Should -BeGreaterThan 0
        (Get-VMBackup web1 ./repo).Id | Should -Be $chain[2].Id, $chain[3].Id
        Test-BackupChain | Should -BeTrue
        (Get-VMCheckpoint web1).Name | Should -Contain $chain[3].Checkpoint
        (Get-VMCheckpoint web1).Name | Should -Not -Contain $chain[0].Checkpoint
        (Backup-VMDomain web1 ./repo).Kind | Should -Be Incremental
    }

    It 'gives the same plan with -WhatIf, and touches nothing' {
        $chain = New-BackupChain
        $plan = Remove-VMBackup web1 ./repo -KeepLast 1 -WhatIf
        $plan.BackupId | Should -Be $chain.Id
        $plan.Keep | Should -Be $false, $false, $false, $true
        Get-VMBackup web1 ./repo | Should -HaveCount 4
    }

    It 'keeps the newest of a day, a week, a month and a year' {
        $chain = New-BackupChain 2
        $plan = Remove-VMBackup web1 ./repo -KeepHourly 0 -KeepDaily 1 -KeepWeekly 1 -KeepMonthly 1 -KeepYearly 1 -WhatIf
        ($plan | Where-Object Keep).BackupId | Should -Contain $chain[1].Id
        $plan[1].Rules | Should -BeLike 'daily ????-??-??'
    }

    It 'refuses rules that keep nothing, and neither rules nor ids' {
        New-BackupChain 1 | Out-Null
        { Remove-VMBackup web1 ./repo -KeepLast 0 -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'KeepRulesEmpty,*'
        { Remove-VMBackup web1 ./repo -KeepLast -1 -Confirm:$false } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
        Get-VMBackup web1 ./repo | Should -HaveCount 1
    }

    It 'removes by id what nothing stands on' {
        $chain = New-BackupChain 2
        $plan = Remove-VMBackup web1 ./repo -Id $chain[1].Id -Confirm:$false
        ($plan | Where-Object { -not $_.Keep }).BackupId | Should -Be $chain[1].Id
        Test-BackupChain | Should -BeTrue
    }

    It 'refuses by id what others stand on, naming them, unless it may fold' {
        $chain = New-BackupChain 3
        { Remove-VMBackup web1 ./repo -Id $chain[0].Id -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNeeded,*' -ExpectedMessage "*$($chain[1].Id)*"
        $plan = Remove-VMBackup web1 ./repo -Id $chain[0].Id -Merge -Confirm:$false
        $plan[0].MergedInto | Should -Be $chain[1].Id
        (Get-VMBackup web1 ./repo).Id | Should -Be $chain[1].Id, $chain[2].Id
        Test-BackupChain | Should -BeTrue
    }

    It 'removes objects from the pipeline all at once' {
        $chain = New-BackupChain 3
        Get-VMBackup web1 ./repo | Select-Object -Skip 1 | Remove-VMBackup -Confirm:$false | Out-Null
        (Get-VMBackup web1 ./repo).Id | Should -Be $chain[0].Id
        Get-VMBackup web1 ./repo | Remove-VMBackup -Confirm:$false -WarningVariable warned -WarningAction SilentlyContinue | Out-Null
        $warned | Should -BeLike '*no backup of*any more*'
        Get-VMBackup -Repository ./repo | Should -BeNullOrEmpty
    }

    It 'removes nothing where the pipeline breaks before its end' {
        $chain = New-BackupChain 2
        { $chain | ForEach-Object { $_; throw 'broken' } | Remove-VMBackup -Merge -Confirm:$false } | Should -Throw
        Get-VMBackup web1 ./repo | Should -HaveCount 2
    }

    It 'takes machines by pattern and from the pipeline' {
        New-BackupChain 3 | Out-Null
        (Remove-VMBackup w* ./repo -KeepLast 2 -WhatIf | Where-Object Keep) | Should -HaveCount 2
        (Get-VMDomain web1 | Remove-VMBackup -Repository ./repo -KeepLast 1 -WhatIf | Where-Object Keep) | Should -HaveCount 1
        (Get-VMBackup web1 ./repo | Remove-VMBackup -KeepLast 1 -WhatIf) | Should -HaveCount 3
    }

    It 'shows the plan within 80 columns' {
        $chain = New-BackupChain 3
        $view = Get-View (Remove-VMBackup web1 ./repo -KeepLast 1 -WhatIf)
        ($view | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
        $view | Where-Object { $_ -like "$($chain[0].Id) *goes, into $($chain[2].Id)" } | Should -HaveCount 1
        $view | Where-Object { $_ -like "$($chain[2].Id) *stays: last 1" } | Should -HaveCount 1
        $view | Should -Contain '   VM: web1'
    }

    It 'warns once of a backup that cannot be read' {
        $chain = New-BackupChain 3
        Set-Content "./repo/web1/$($chain[2].Id)/manifest.json" '{'
        $plan = Remove-VMBackup web1 ./repo -KeepLast 1 -Confirm:$false -WarningVariable warned -WarningAction SilentlyContinue
        $warned | Should -HaveCount 1
        $warned | Should -BeLike "*$($chain[2].Id)*"
        ($plan | Where-Object Keep).BackupId | Should -Be $chain[1].Id
    }

    It 'says what is not there' {
        New-BackupChain 1 | Out-Null
        { Remove-VMBackup web1 ./nosuch -KeepLast 1 -ErrorAction Stop } | Should -Throw -ErrorId 'BackupRepositoryMissing,*'
        { Remove-VMBackup web9 ./repo -KeepLast 1 -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDomainNotFound,*'
        { Remove-VMBackup web1 ./repo -Id 20200101T000000Z-0000 -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound,*'
    }
}
