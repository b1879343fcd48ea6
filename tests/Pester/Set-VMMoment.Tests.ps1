BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Set-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        'a', 'b' | ForEach-Object { New-VMCheckpoint web1 $_ | Out-Null }
    }

    It 'changes the description, and returns nothing' {
        Set-VMMoment web1 a -Description 'before the upgrade' | Should -BeNullOrEmpty
        (Get-VMCheckpoint web1 a).Description | Should -Be 'before the upgrade'
    }

    It 'takes objects from the pipeline, and gives them with -PassThru' {
        $changed = Get-VMMoment web1 | Set-VMMoment -Description 'both' -PassThru
        $changed.Name | Should -Be a, b
        $changed[0] | Should -BeOfType ([MomentTools.VMMoment])
        (Get-VMCheckpoint web1).Description | Should -Be both, both
    }

    It 'takes the words away with $null' {
        Set-VMMoment web1 a -Description $null
        (Get-VMCheckpoint web1 a).Description | Should -BeNullOrEmpty
    }

    It 'makes a moment current' {
        Set-VMMoment web1 a -Current
        (Get-VMCheckpoint web1 -Current).Name | Should -Be a
        (New-VMCheckpoint web1 c).Parent | Should -Be a
    }

    It 'touches nothing with -WhatIf' {
        Set-VMMoment web1 b -Description 'no' -WhatIf
        (Get-VMCheckpoint web1 b).Description | Should -Be both
    }

    It 'refuses what makes no sense' {
        { Set-VMMoment web1 a -ErrorAction Stop } | Should -Throw -ErrorId 'NothingToSet,*'
        { Set-VMMoment web1 nosuch -Description x -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
    }
}
