BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        New-Machine $place | Out-Null
        'a', 'b', 'c' | ForEach-Object { New-VMCheckpoint web1 $_ | Out-Null }
    }

    AfterEach { Unregister-VMDomain web1 -RemoveMetadata -Confirm:$false }

    It 'removes one by its name, and by its kind and name' {
        Remove-VMMoment web1 b -Confirm:$false | Should -BeNullOrEmpty
        Remove-VMMoment web1 checkpoint:c -Confirm:$false
        (Get-VMMoment web1).Name | Should -Be a
    }

    It 'removes all below with -Descendants, and gives them with -PassThru' {
        (Remove-VMMoment web1 b -Descendants -PassThru -Confirm:$false).Name | Sort-Object | Should -Be b, c
        (Get-VMMoment web1).Name | Should -Be a
    }

    It 'removes only what is below with -DescendantsOnly' {
        Remove-VMMoment web1 a -DescendantsOnly -Confirm:$false
        (Get-VMMoment web1).Name | Should -Be a
    }

    It 'refuses both switches together' {
        { Remove-VMMoment web1 a -IncludeDescendant -DescendantOnly -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'RemovalAmbiguous,*'
        (Get-VMMoment web1).Name | Should -Be a, b, c
    }

    It 'takes objects from the pipeline, also those that went with an earlier one' {
        Get-VMMoment web1 | Remove-VMMoment -IncludeDescendant -Confirm:$false -ErrorAction Stop
        Get-VMMoment web1 | Should -BeNullOrEmpty
    }

    It 'touches nothing with -WhatIf' {
        Remove-VMMoment web1 * -WhatIf
        (Get-VMMoment web1).Name | Should -Be a, b, c
    }
}
