BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Rename-VMBranch' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $name = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $name | Out-Null
        New-VMSnapshot $name clean | Out-Null
        New-VMBranch $name one -From clean | Out-Null
    }

    It 'renames a branch, and returns nothing' {
        Rename-VMBranch $name one two | Should -BeNullOrEmpty
        (Get-VMBranch $name).Name | Should -Be main, two
        (Get-VMBranch $name two).Start | Should -Be clean
    }

    It 'renames the one that the machine is on' {
        $branch = Rename-VMBranch $name main before -PassThru
        $branch.Name, $branch.Active | Should -Be before, $true
        (Get-VMDomain $name).Branch | Should -Be before
        (New-VMCheckpoint $name monday).Parent | Should -Be clean
    }

    It 'gives a name that became free to another one' {
        Rename-VMBranch $name main before
        Rename-VMBranch $name one main
        (Get-VMBranch $name).Name | Sort-Object | Should -Be before, main
    }

    It 'takes branches from the pipeline, each with a name of its own' {
        (Get-VMBranch $name | Rename-VMBranch -NewName { "old-$($_.Name)" } -PassThru).Name | Should -Be old-main, old-one
    }

    It 'refuses a name that is taken, one that none may have, and a branch that is not there' {
        { Rename-VMBranch $name one main -ErrorAction Stop } | Should -Throw -ErrorId 'BranchExists,*'
        { Rename-VMBranch $name one mt-x -ErrorAction Stop } | Should -Throw -ErrorId 'BranchNameInvalid,*'
        { Rename-VMBranch $name tow x -ErrorAction Stop } | Should -Throw -ErrorId 'BranchNotFound,*'
        (Get-VMBranch $name).Name | Should -Be main, one
    }

    It 'touches nothing with -WhatIf' {
        Rename-VMBranch $name one two -WhatIf
        (Get-VMBranch $name).Name | Should -Be main, one
    }
}
