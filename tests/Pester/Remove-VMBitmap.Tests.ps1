BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMBitmap' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        qemu-img bitmap --add "$place/web1.qcow2" stray
    }

    AfterEach { Unregister-VMDomain web1 -RemoveMetadata -Confirm:$false; Remove-Item "$place/web1.qcow2" }

    It 'removes one by its name' {
        Remove-VMBitmap web1 stray -Disk vda -Confirm:$false | Should -BeNullOrEmpty
        (Get-VMBitmap web1).Name | Should -Not -Contain stray
        (Get-VMBitmap web1).Name | Should -Contain monday
    }

    It 'takes what Get-VMBitmap gives' {
        Get-VMBitmap web1 | Where-Object { -not $_.Owner } | Remove-VMBitmap -Confirm:$false
        (Get-VMBitmap web1).Name | Should -Not -Contain stray
    }

    It 'refuses one that belongs to a moment, with the way to go' {
        { Remove-VMBitmap web1 monday -Disk vda -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BitmapOwned,*'
        (Get-VMBitmap web1).Name | Should -Contain monday
    }

    It 'refuses one that was found in a file' {
        { Get-VMBitmap -Path "$place/web1.qcow2" | Remove-VMBitmap -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BitmapDomainMissing,*'
    }

    It 'touches nothing with -WhatIf' {
        Remove-VMBitmap web1 stray -Disk vda -WhatIf
        (Get-VMBitmap web1).Name | Should -Contain stray
    }
}
