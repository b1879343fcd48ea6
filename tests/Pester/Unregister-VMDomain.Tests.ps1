BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Unregister-VMDomain' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach { New-Machine $place | Out-Null }

    AfterEach { Get-VMDomain | Unregister-VMDomain -RemoveMetadata -Confirm:$false }

    It 'forgets a machine and leaves its disk' {
        Unregister-VMDomain web1 -Confirm:$false | Should -BeNullOrEmpty
        Get-VMDomain | Should -BeNullOrEmpty
        "$place/web1.qcow2" | Should -Exist
    }

    It 'refuses a machine that has moments' {
        New-VMCheckpoint web1 monday | Out-Null
        { Unregister-VMDomain web1 -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'DomainHasMoments,*'
        (Get-VMCheckpoint web1).Name | Should -Be monday
    }

    It 'touches nothing with -WhatIf' {
        New-VMCheckpoint web1 monday | Out-Null
        Unregister-VMDomain web1 -RemoveMetadata -WhatIf
        (Get-VMCheckpoint web1).Name | Should -Be monday
        (Get-VMBitmap web1).Name | Should -Contain monday
    }

    It 'removes the bitmaps with -RemoveMetadata' {
        New-VMCheckpoint web1 monday | Out-Null
        Get-VMDomain web1 | Unregister-VMDomain -RemoveMetadata -Confirm:$false
        Get-VMDomain | Should -BeNullOrEmpty
        Get-VMBitmap -Path "$place/web1.qcow2" | Should -BeNullOrEmpty
    }

    It 'leaves the images as they are with -KeepBitmaps' {
        New-VMCheckpoint web1 monday | Out-Null
        { Unregister-VMDomain web1 -KeepBitmaps -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'KeepBitmapsAlone,*'
        Unregister-VMDomain web1 -RemoveMetadata -KeepBitmaps -Confirm:$false
        Get-VMDomain | Should -BeNullOrEmpty
        (Get-VMBitmap -Path "$place/web1.qcow2").Name | Should -Contain monday
    }
}
